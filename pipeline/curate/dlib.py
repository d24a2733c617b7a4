"""The detectors of the package face_recognition: dlib's histogram of gradients, and its network.

Better on photographs than on paintings, and many times slower than YuNet: here for who wants the same
faces as the articles.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from PIL import ImageFile

from pipeline.curate.decode import Pixels
from pipeline.curate.faces import Face
from pipeline.errors import MissingInput

_SIDE_PX = {"hog": 800, "cnn": 400}  # of the longer side: faces from a tenth of it are found


class FaceRecognition:
    def __init__(self, model: str) -> None:
        strict = ImageFile.LOAD_TRUNCATED_IMAGES
        try:
            with warnings.catch_warnings():  # of how its models package finds its files
                warnings.simplefilter("ignore")
                import face_recognition
        except (ImportError, SystemExit) as error:  # it ends the process where its models are missing
            raise MissingInput(
                'detector face-recognition: not installed; pip install "impasto[faces]", '
                'or set curate.detector = "yunet"'
            ) from error
        finally:
            # The package switches this on for the whole process: broken pictures would then count as whole.
            ImageFile.LOAD_TRUNCATED_IMAGES = strict
        self._locations = face_recognition.face_locations
        self._model, self._side_px = model, _SIDE_PX[model]

    def __call__(self, pixels: Pixels) -> Sequence[Face]:
        frame = pixels.working(self._side_px / max(pixels.width, pixels.height))
        scale = pixels.width / frame.width
        boxes = self._locations(np.asarray(frame), model=self._model)
        return [
            Face(*pixels.inside((left * scale, top * scale, right * scale, bottom * scale)))
            for top, right, bottom, left in boxes
        ]
