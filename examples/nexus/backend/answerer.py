"""The one who answers: a handful of rules in the manner of ELIZA, no model and no network.

The same words always get the same answer, which is what makes it a good example.
"""

import re

MODEL = "nexus-eliza"

_MIRROR = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "am": "are",
    "i'm": "you're",
    "i've": "you've",
    "you": "I",
    "your": "my",
    "yours": "mine",
}

# The first rule that matches answers; `{0}` is what it caught, said back.
_RULES = [
    (r"^(?:hello|hi|hey)\b", "Hello! What are you building today?"),
    (r"\bthank(?:s| you)\b", "You are welcome. What comes next?"),
    (r"\bi need (.+)", "What would change if you had {0}?"),
    (r"\bi (?:want|would like) (.+)", "Suppose you got {0}. What would you do first?"),
    (r"\bi(?:'m| am) (.+)", "How long have you been {0}?"),
    (r"\bi feel (.+)", "What makes you feel {0}?"),
    (r"\bi can(?:'t|not) (.+)", "What have you tried so far to {0}?"),
    (r"\bbecause (.+)", "Is that the only reason?"),
    (r"\bwhy (?:don't|won't) you (.+)", "Perhaps I will {0}, once I know more."),
    (r"\b(?:what|who) are you\b", "A few rules in a Python file. Ask me something else."),
    (r"\b(error|bug|crash|exception)\b", "When did the {0} appear first, and what changed just before?"),
    (r"\b(redis|fastapi|vite|react|python)\b", "What does {0} do in your project?"),
    (r"\?$", "What do you think yourself?"),
]


def answer(text: str) -> str:
    """The answer to what a person wrote."""
    said = text.strip()
    for pattern, reply in _RULES:
        if found := re.search(pattern, said, re.IGNORECASE):
            return reply.format(*map(_mirror, found.groups()))
    return f"You said: {_mirror(said)}. Tell me more."


def _mirror(words: str) -> str:
    """The words from the other side: "my code" becomes "your code"."""
    without_end = words.strip().rstrip(".!?")
    return " ".join(_MIRROR.get(word.lower(), word) for word in without_end.split())
