"""FunctionGemma's control tokens and names, as text: what the writer, the reader and the lint all speak of."""

import re
from enum import StrEnum


class Token(StrEnum):
    """The control tokens that a prompt or a completion may hold."""

    PAD = "<pad>"
    EOS = "<eos>"
    BOS = "<bos>"
    UNK = "<unk>"
    START_DECLARATION = "<start_function_declaration>"
    END_DECLARATION = "<end_function_declaration>"
    START_CALL = "<start_function_call>"
    END_CALL = "<end_function_call>"
    START_RESPONSE = "<start_function_response>"
    END_RESPONSE = "<end_function_response>"
    ESCAPE = "<escape>"
    START_TURN = "<start_of_turn>"
    END_TURN = "<end_of_turn>"


TERMINATORS = (Token.END_TURN, Token.EOS, Token.START_RESPONSE)
"""The tokens a completion stops at (ids 106, 1 and 50)."""

CONTROL_TOKEN = re.compile("|".join(re.escape(token) for token in Token) + r"|<unused\d+>")
"""Any control token, Gemma's reserved `<unused0>` and so on included."""

ID = re.compile(r"[\w.-]+")
"""A name in the call grammar, of a function or of an argument: letters, digits, `_`, `.` and `-`."""


def is_name(text: str) -> bool:
    """Whether `text` can stand as a name in a declaration and in a call."""
    return ID.fullmatch(text) is not None
