"""marrowmap: bone marrow edema measured in the bone's own coordinates. Research use only, not a medical device."""

__version__ = "0.1.0"
