"""The forge that `make e2e` runs against: GitHub's REST and real `git push` on one loopback origin."""
