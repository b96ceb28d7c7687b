"""Similarity and verification: are these two the same, and who is it?

source     identities as folders, as a column, or from pairs
course     the job, told top to bottom
pairs      same and different pairs: EER, TAR at FAR, how sure
gallery    whom the network was shown, without training
alike      what makes two examples alike
"""

from pellucid.uses.verify.answerer import VerifyAnswerer
from pellucid.uses.verify.course import Verify

__all__ = ["Verify", "VerifyAnswerer"]
