"""What this package raises."""


class MLSError(Exception):
    """Base of everything this package raises.

    MLSError
     ├─ DecodeError          the bytes are not the structure they should be
     ├─ InvalidMessage       well formed, but RFC 9420 forbids it here
     │   ├─ NotAuthentic     a signature, a tag or a ciphertext does not verify
     │   └─ OtherEpoch       made for another group or another epoch
     ├─ MissingPsk           names a pre-shared key that is not at hand
     ├─ RemovedFromGroup     a valid commit that removes this very member
     └─ UsageError           the caller asked for what RFC 9420 does not allow
    """


class DecodeError(MLSError):
    """The bytes are not the structure they should be (RFC 9420 §2.1)."""


class InvalidMessage(MLSError):
    """A well-formed structure breaks a rule of RFC 9420; the message says which."""


class NotAuthentic(InvalidMessage):
    """A signature, a tag or a ciphertext does not verify: somebody changed or forged it."""


class OtherEpoch(InvalidMessage):
    """The message was made for another group or another epoch than this one."""


class MissingPsk(MLSError):
    """A pre-shared key that the message names was not given (RFC 9420 §8.4)."""


class RemovedFromGroup(MLSError):
    """The commit is authentic and removes this member, who can follow no further."""


class UsageError(MLSError):
    """The caller asked for something that RFC 9420 does not allow; nothing was done."""
