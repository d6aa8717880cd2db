"""Trying what a lane must not be able to do. Each probe says what happened and judges nothing."""
