"""People who read images: what they answer, how far they agree, how well they see."""
