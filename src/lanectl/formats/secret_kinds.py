"""The kinds of secrets that are looked for: what each looks like. Only forms that little else has.

A kind that detect-secrets knows names its plugin, whose expression has to agree; the others are
what it misses. Left out of its plugins: `AC…` of Twilio (an account's name, no secret), encrypted
passwords of Artifactory and public addresses (too much else looks so), keywords and entropy.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from lanectl.model.secret import Sort


class Kind(Struct, frozen=True):
    """One vendor's form. `shape` is looked for in a text that holds one of `anchors`.

    Group 1 of the shape (else all of it) is what the vendor generates, group 2 (else all) the secret.
    `behind`: bytes before the match that a look-behind has found to belong to it. `plugin`: the
    module and class of detect-secrets that must agree. `is_word`: no letter or digit comes before.
    """

    name: str
    anchors: tuple[bytes, ...]
    shape: str
    plugin: str = ""
    behind: int = 0
    is_word: bool = False
    sort: Sort = Sort.TOKEN


def _token(
    name: str, anchors: str, shape: str, plugin: str = "", *, sort: Sort = Sort.TOKEN
) -> Kind:
    """Return a kind that is one word with a prefix of its own: its shape begins with that prefix.

    A literal at the beginning is what the regular expression engine can skip to.
    """
    parts = tuple(a.encode() for a in anchors.split(" "))
    return Kind(name, parts, shape, plugin, is_word=True, sort=sort)


def _near(name: str, anchors: str, shape: str, plugin: str = "", *, behind: int = 0) -> Kind:
    """Return a kind that is known by what stands beside it."""
    parts = tuple(a.encode() for a in anchors.split(" "))
    return Kind(name, parts, shape, plugin, behind)


DISCORD: Final = "Discord bot token"
GOOGLE: Final = "Google key"
END: Final = r"(?![A-Za-z0-9_-])"

# In one word of letters, digits, `_`, `-` and `.`; no letter or digit before it.
TOKENS: Final = (
    _token("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_([A-Za-z0-9]{36,255})", "github_token.GitHubTokenDetector"),
    _token("GitHub fine-grained token", "github_pat_", rf"github_pat_([A-Za-z0-9]{{22}}_[A-Za-z0-9]{{59}}){END}"),
    _token("GitLab token", "glpat- gldt- glft- glsoat- glrt- glcbt- glimt- glptt- glagent- gloas-", r"gl[a-z]{2,5}-([A-Za-z0-9_-]{20,300})", "gitlab_token.GitLabTokenDetector"),
    _token("AWS access key", "AKIA ASIA ABIA ACCA", rf"A[KSBC][IC]A([A-Z2-7]{{16}}){END}", "aws.AWSKeyDetector"),
    _token("Anthropic key", "sk-ant-", r"sk-ant-[a-z]{3,8}\d\d-([A-Za-z0-9_-]{80,120})"),
    _token("OpenAI key", "T3BlbkFJ", r"sk-(?:[a-z]{3,10}-)?([A-Za-z0-9_-]{20,90}T3BlbkFJ[A-Za-z0-9_-]{20,90})"),
    _token("OpenRouter key", "sk-or-v1-", rf"sk-or-v1-([0-9a-f]{{64}}){END}"),
    _token("Groq key", "gsk_", rf"gsk_([A-Za-z0-9]{{52}}){END}"),
    _token("xAI key", "xai-", rf"xai-([A-Za-z0-9]{{80}}){END}"),
    _token("Perplexity key", "pplx-", rf"pplx-([A-Za-z0-9]{{48}}){END}"),
    _token("Replicate token", "r8_", rf"r8_([A-Za-z0-9]{{37}}){END}"),
    _token("Hugging Face token", "hf_", rf"hf_([A-Za-z]{{34}}){END}"),
    _token("Supabase secret key", "sb_secret_", r"sb_secret_([A-Za-z0-9_-]{20,64})"),
    _token("Supabase access token", "sbp_", rf"sbp_([0-9a-f]{{40}}){END}"),
    _token("JSON Web Token", "eyJhbGciOi eyJ0eXAiOi eyJraWQiOi", r"(eyJ(?<![A-Za-z0-9]eyJ)[0hr][A-Za-z0-9_-]{10,2000}+\.eyJ[A-Za-z0-9_-]{5,8000}\.[A-Za-z0-9_-]{20,2000})", "jwt.JwtTokenDetector", sort=Sort.SIGNED),
    _token("Slack token", "xoxb- xoxp- xoxa- xoxo- xoxs- xoxr-", r"xox[bpaosr]-(?:\d{8,14}-)+([A-Za-z0-9]{20,64})", "slack.SlackDetector"),
    _token("Slack app token", "xapp-", rf"xapp-\d-[A-Z0-9]{{8,14}}-\d{{10,14}}-([0-9a-f]{{64}}){END}"),
    _token("Stripe key", "sk_live_ rk_live_", r"[rs]k_live_([0-9A-Za-z]{24,247})", "stripe.StripeDetector"),
    _token("Stripe webhook secret", "whsec_", rf"whsec_([A-Za-z0-9]{{32}}){END}"),
    _token("SendGrid key", "SG.", r"SG\.([A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})", "sendgrid.SendGridDetector"),
    _token("Square secret", "sq0csp-", r"sq0csp-([0-9A-Za-z_-]{43})", "square_oauth.SquareOAuthDetector"),
    _token("Twilio key", "SK", rf"SK([0-9a-f]{{32}}){END}", "twilio.TwilioKeyDetector"),
    _token("PyPI token", "pypi-AgE", r"pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)([A-Za-z0-9_-]{70,1000})", "pypi_token.PypiTokenDetector"),
    _token("npm token", "npm_", rf"npm_([A-Za-z0-9]{{36}}){END}"),
    _token("RubyGems key", "rubygems_", rf"rubygems_([0-9a-f]{{48}}){END}"),
    _token("Docker token", "dckr_pat_ dckr_oat_", r"dckr_[po]at_([A-Za-z0-9_-]{27,32})"),
    _token("Artifactory token", "AKCp", rf"(AKCp[A-Za-z0-9]{{69}}){END}", "artifactory.ArtifactoryDetector"),
    _token(GOOGLE, "AIza", rf"AIza([A-Za-z0-9_-]{{35}}){END}"),
    _token("Google OAuth client secret", "GOCSPX-", rf"GOCSPX-([A-Za-z0-9_-]{{28}}){END}"),
    _token("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", rf"do[por]_v1_([0-9a-f]{{64}}){END}"),
    _token("Shopify token", "shpat_ shpca_ shppa_ shpss_", rf"shp(?:at|ca|pa|ss)_([0-9a-fA-F]{{32}}){END}"),
    _token("Databricks token", "dapi", rf"dapi([0-9a-f]{{32}})(?:-\d)?{END}"),
    _token("Grafana token", "glsa_", rf"glsa_([A-Za-z0-9]{{32}}_[0-9A-Fa-f]{{8}}){END}"),
    _token("Vault token", "hvs. hvb.", r"hv[sb]\.([A-Za-z0-9_-]{90,300})"),
    _token("Terraform token", ".atlasv1.", rf"[A-Za-z0-9]{{14}}\.atlasv1\.([A-Za-z0-9_-]{{60,70}}){END}"),
    _token("Doppler token", "dp.pt. dp.st.", r"dp\.[ps]t\.([A-Za-z0-9_.-]{40,80})"),
    _token("Postman key", "PMAK-", rf"PMAK-([0-9a-f]{{24}}-[0-9a-f]{{34}}){END}"),
    _token("Pulumi token", "pul-", rf"pul-([0-9a-f]{{40}}){END}"),
    _token("New Relic key", "NRAK-", rf"NRAK-([A-Z0-9]{{27}}){END}"),
    _token("Brevo key", "xkeysib-", rf"xkeysib-([0-9a-f]{{64}}-[A-Za-z0-9]{{16}}){END}"),
    _token("PlanetScale credential", "pscale_", r"pscale_(?:tkn|pw|oauth)_([A-Za-z0-9_.-]{32,64})"),
    _token("Atlassian token", "ATATT3xFfGF0 ATCTT3xFfGF0", r"AT[AC]TT3xFfGF0([A-Za-z0-9_-]{150,250})"),
    _token("Linear key", "lin_api_", rf"lin_api_([A-Za-z0-9]{{40}}){END}"),
    _token("Netlify token", "nfp_", rf"nfp_([A-Za-z0-9]{{36}}){END}"),
    _token("Sentry token", "sntryu_", rf"sntryu_([0-9a-f]{{64}}){END}"),
    _token("Tailscale key", "tskey-", r"tskey-[a-z]{3,10}-([A-Za-z0-9]{8,24}-[A-Za-z0-9]{24,40})"),
    _token("Figma token", "figd_", r"figd_([A-Za-z0-9_-]{38,44})"),
    _token("Airtable token", "pat", rf"(pat[A-Za-z0-9]{{14}}\.[0-9a-f]{{64}}){END}"),
    _token(DISCORD, ".", r"([MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,38})(?![\w.-])", "discord.DiscordBotTokenDetector"),
    _token("age key", "AGE-SECRET-KEY-1", rf"AGE-SECRET-KEY-1([02-9AC-HJ-NP-Z]{{58}}){END}"),
)  # fmt: skip

# Known by what stands beside them.
NEIGHBOURS: Final = (
    _near("Azure storage key", "AccountKey=", r"AccountKey=([A-Za-z0-9+/]{86}==)", "azure_storage_key.AzureStorageKeyDetector"),
    _near("AWS secret key", "secret_access_key SECRET_ACCESS_KEY ecretAccessKey", r"(?:secret_access_key|SECRET_ACCESS_KEY|[sS]ecretAccessKey)[\"']?\s{0,4}(?:[:=,]|=>|:=)\s{0,4}[\"']?(([A-Za-z0-9+/]{40}))(?![A-Za-z0-9+/=])"),
    _near("npm token", "_authToken", r"_authToken\s{0,4}=\s{0,4}[\"']?(([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))(?![\w-])"),
    _near("Slack webhook", "hooks.slack.com/services/", r"hooks\.slack\.com/services/T[A-Z0-9]{7,12}/B[A-Z0-9]{7,12}/([A-Za-z0-9]{20,28})"),
    _near("Mailchimp key", "-us", rf"(?<=(?<![0-9A-Za-z])[0-9a-f]{{32}})-us[0-9]{{1,2}}{END}", "mailchimp.MailchimpDetector", behind=32),
    _near("Telegram bot token", ":AA", rf"(?<=[0-9]{{8}}):(AA[A-Za-z0-9_-]{{33}}){END}", "telegram_token.TelegramBotTokenDetector", behind=8),
    _near("SoftLayer key", "softlayer SOFTLAYER", r"(?i:softlayer[a-z_-]{1,20}[\"']?\s{0,4}[:=]+\s{0,4}[\"']?)(([a-z0-9]{64}))(?![a-z0-9])", "softlayer.SoftlayerDetector"),
    _near("Cloudant password", "cloudant CLOUDANT", r"(?i:cloudant[a-z_-]{1,20}[\"']?\s{0,4}[:=]+\s{0,4}[\"']?)(([0-9a-f]{64}))(?![0-9a-f])", "cloudant.CloudantDetector"),
    _near("IBM Cloud key", "ibm IBM", r"(?i:ibm[a-z_-]{3,24}[\"']?\s{0,4}[:=]+\s{0,4}[\"']?)(([A-Za-z0-9_-]{44}))(?![A-Za-z0-9_-])", "ibm_cloud_iam.IbmCloudIamDetector"),
)  # fmt: skip
