"""An augmentation that turns pictures and changes nothing else in them, so that tests can see where faces lie."""

from training.face_detector.augmentation import Augmentation


class _Turned(Augmentation):
    def cover(self, image, boxes, rng):
        return image

    def degrade(self, image, rng):
        return image


TURNED = _Turned()
