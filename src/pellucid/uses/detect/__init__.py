"""Object detection: boxes around things in pictures.

course       the job, told top to bottom
prepared     a source made ready: every picture's fate, its part, everything encoded
pictures     pictures of any size on one canvas, boxes there and back
precision    average precision, as COCO counts it
sureness     from the network's sureness to the probability that a box is right
told         what is told of a picture, and how right that is
mistakes     what goes wrong
findings     what a person should see of the exam
explanation  what in the picture makes one box
answerer     what is taken away
"""

from pellucid.uses.detect.answerer import DetectAnswerer
from pellucid.uses.detect.course import Detection

__all__ = ["DetectAnswerer", "Detection"]
