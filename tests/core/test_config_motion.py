"""What may be drawn as a zone, and what is said of what may not."""

from __future__ import annotations

import tomllib

import pytest
from pydantic import ValidationError

from vms.cameras.dump import dump_cameras
from vms.cameras.entry import entered, patched
from vms.cameras.provisioning import RegisteredCamera, fields_of
from vms.core.config_camera import CameraSettings
from vms.core.config_motion import MotionSettings
from vms.core.errors import BadFields

SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
CAMERA = {"id": "gate", "source": "rtsp://10.0.0.5/main", "sub": "rtsp://10.0.0.5/sub"}
DRAWN = {
    "sensitivity": 4,
    "zones": [
        {"name": "kapı", "points": SQUARE},
        {"name": 'ağaç "büyük"', "points": SQUARE[:3], "include": False},
    ],
}

WRONG = {
    "no name": ({"name": " ", "points": SQUARE}, "needs a name"),
    "the whole's name": ({"name": "*", "points": SQUARE}, "needs a name"),
    "two corners": ({"name": "a", "points": SQUARE[:2]}, "at least 3"),
    "outside": ({"name": "a", "points": [[0, 0], [1.2, 0], [1, 1]]}, "less than or equal to 1"),
    "no number": ({"name": "a", "points": [[0, 0], [1, float("nan")], [1, 1]]}, "points"),
    "a line": ({"name": "a", "points": [[0, 0], [0.5, 0.5], [1, 1]]}, "has no area"),
    "unknown": ({"name": "a", "points": SQUARE, "size": 1}, "Extra inputs"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    zone, said = WRONG[name]
    with pytest.raises(ValidationError, match=said):
        MotionSettings.model_validate({"zones": [zone]})


def test_two_zones_of_one_name_and_odd_sensitivities_are_refused() -> None:
    twice = [{"name": "a", "points": SQUARE}, {"name": "a ", "points": SQUARE}]
    with pytest.raises(ValidationError, match="two zones are called 'a'"):
        MotionSettings.model_validate({"zones": twice})
    for sensitivity in (0, 6):
        with pytest.raises(ValidationError):
            MotionSettings(sensitivity=sensitivity)


def test_motion_needs_a_sub_stream() -> None:
    with pytest.raises(BadFields, match="motion is looked for in the sub stream"):
        entered({"id": "gate", "source": "rtsp://10.0.0.5/main", "motion": {}})


def test_a_dump_with_zones_reads_back_as_it_is() -> None:
    camera = CameraSettings.model_validate(CAMERA | {"motion": DRAWN, "groups": ["a", "b"]})
    (table,) = tomllib.loads(dump_cameras([RegisteredCamera(camera, "file")]))["cameras"]
    assert CameraSettings.model_validate(table) == camera
    assert CameraSettings.model_validate_json(camera.model_dump_json()) == camera


def test_a_patch_sets_changes_and_takes_motion_away() -> None:
    plain = CameraSettings.model_validate(CAMERA)
    drawn = patched(plain, {"motion": DRAWN})
    assert drawn.motion is not None
    assert [zone.include for zone in drawn.motion.zones] == [True, False]
    keener = patched(drawn, {"motion": {"sensitivity": 5}})
    assert keener.motion == drawn.motion.model_copy(update={"sensitivity": 5})
    assert patched(drawn, {"motion": None}) == plain
    assert [name for name, *_ in fields_of(plain, drawn)] == ["motion.sensitivity", "motion.zones"]
    (field,) = fields_of(drawn, keener)
    assert field == ("motion.sensitivity", "4", "5")
    assert "kapı (counts: 0.1,0.1 0.9,0.1" in fields_of(plain, drawn)[1][2]
