"""PTZ (ONVIF PTZ §5) and the basics of Imaging."""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

from vms.core.clock import SECOND
from vms.simulator.onvif.answers_device import Answer
from vms.simulator.onvif.answers_media import ptz_configuration
from vms.simulator.onvif.device import IR_CUT_MODES, Device
from vms.simulator.onvif.head import PRESETS_MAX, View
from vms.simulator.onvif.soap import Call, SoapFault, local

_SPACES = "http://www.onvif.org/ver10/tptz"
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?")
_FIELD_OF_VIEW = f"{_SPACES}/PanTiltSpaces/TranslationSpaceFov"
_IMAGING = ("Brightness", "ColorSaturation", "Contrast", "Sharpness")
_FIELDS = {
    "Brightness": "brightness", "ColorSaturation": "saturation",
    "Contrast": "contrast", "Sharpness": "sharpness",
}  # fmt: skip


def duration(text: str) -> int | None:
    """`PT5S` in nanoseconds; None for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return int((hours * 3600 + minutes * 60 + seconds) * SECOND)


def _view(call: Call, name: str, default: View) -> View:
    """A vector of the call; an axis that is left out stays as in `default`."""
    vector = call.find(name)
    if vector is None:
        raise SoapFault("ter:InvalidPosition", f"{name} is missing")
    pan_tilt = _child(vector, "PanTilt")
    zoom = _child(vector, "Zoom")
    try:
        return View(
            default.pan if pan_tilt is None else float(pan_tilt.get("x", "")),
            default.tilt if pan_tilt is None else float(pan_tilt.get("y", "")),
            default.zoom if zoom is None else float(zoom.get("x", "")),
        )
    except ValueError as error:
        raise SoapFault("ter:InvalidPosition", str(error)) from error


def _child(element: ET.Element, name: str) -> ET.Element | None:
    return next((one for one in element if local(one) == name), None)


def _range(tag: str, low: str, *, vertical: bool) -> str:
    y = "<tt:YRange><tt:Min>-1</tt:Min><tt:Max>1</tt:Max></tt:YRange>" if vertical else ""
    kind = "PanTiltSpaces" if vertical else "ZoomSpaces"
    name = "PositionGenericSpace" if "Position" in tag else "VelocityGenericSpace"
    name = "TranslationGenericSpace" if "Translation" in tag or "Relative" in tag else name
    return (
        f"<tt:{tag}><tt:URI>{_SPACES}/{kind}/{name}</tt:URI><tt:XRange><tt:Min>{low}</tt:Min>"
        f"<tt:Max>1</tt:Max></tt:XRange>{y}</tt:{tag}>"
    )


def _field_of_view() -> str:
    """Steps in the picture: ±100 % are its edges."""
    ends = "<tt:Min>-100</tt:Min><tt:Max>100</tt:Max>"
    return (
        f"<tt:RelativePanTiltTranslationSpace><tt:URI>{_FIELD_OF_VIEW}</tt:URI>"
        f"<tt:XRange>{ends}</tt:XRange><tt:YRange>{ends}</tt:YRange>"
        "</tt:RelativePanTiltTranslationSpace>"
    )


def _node(tag: str) -> str:
    spaces = (
        _range("AbsolutePanTiltPositionSpace", "-1", vertical=True)
        + _range("AbsoluteZoomPositionSpace", "0", vertical=False)
        + _range("RelativePanTiltTranslationSpace", "-1", vertical=True)
        + _field_of_view()
        + _range("RelativeZoomTranslationSpace", "-1", vertical=False)
        + _range("ContinuousPanTiltVelocitySpace", "-1", vertical=True)
        + _range("ContinuousZoomVelocitySpace", "-1", vertical=False)
    )
    return (
        f'<{tag} token="head"><tt:Name>Head</tt:Name>'
        f"<tt:SupportedPTZSpaces>{spaces}</tt:SupportedPTZSpaces>"
        f"<tt:MaximumNumberOfPresets>{PRESETS_MAX}</tt:MaximumNumberOfPresets>"
        f"<tt:HomeSupported>true</tt:HomeSupported></{tag}>"
    )


def _nodes(device: Device, call: Call) -> str:
    return f"<tptz:GetNodesResponse>{_node('tptz:PTZNode')}</tptz:GetNodesResponse>"


def _one_node(device: Device, call: Call) -> str:
    return f"<tptz:GetNodeResponse>{_node('tptz:PTZNode')}</tptz:GetNodeResponse>"


def _configurations(device: Device, call: Call) -> str:
    inner = ptz_configuration("tptz:PTZConfiguration")
    return f"<tptz:GetConfigurationsResponse>{inner}</tptz:GetConfigurationsResponse>"


def _position(view: View) -> str:
    return (
        f'<tt:PanTilt x="{view.pan:.4f}" y="{view.tilt:.4f}" '
        f'space="{_SPACES}/PanTiltSpaces/PositionGenericSpace"/>'
        f'<tt:Zoom x="{view.zoom:.4f}" space="{_SPACES}/ZoomSpaces/PositionGenericSpace"/>'
    )


def _status(device: Device, call: Call) -> str:
    moving = "MOVING" if device.head.moving else "IDLE"
    now = dt.datetime.fromtimestamp(device.seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        "<tptz:GetStatusResponse><tptz:PTZStatus>"
        f"<tt:Position>{_position(device.head.view)}</tt:Position>"
        f"<tt:MoveStatus><tt:PanTilt>{moving}</tt:PanTilt><tt:Zoom>{moving}</tt:Zoom>"
        f"</tt:MoveStatus><tt:UtcTime>{now}</tt:UtcTime>"
        "</tptz:PTZStatus></tptz:GetStatusResponse>"
    )


def _absolute(device: Device, call: Call) -> str:
    device.head.go(_view(call, "Position", device.head.view))
    return "<tptz:AbsoluteMoveResponse/>"


def _relative(device: Device, call: Call) -> str:
    step = _view(call, "Translation", View())
    pan_tilt = call.find("PanTilt")
    if pan_tilt is not None and pan_tilt.get("space") == _FIELD_OF_VIEW:
        device.head.centre(step.pan / 100, step.tilt / 100)
    else:
        device.head.turn(step)
    return "<tptz:RelativeMoveResponse/>"


def _continuous(device: Device, call: Call) -> str:
    device.head.drive(_view(call, "Velocity", View()), duration(call.text("Timeout", "PT10S")))
    return "<tptz:ContinuousMoveResponse/>"


def _stop(device: Device, call: Call) -> str:
    device.head.stop()
    return "<tptz:StopResponse/>"


def _presets(device: Device, call: Call) -> str:
    inner = "".join(
        f'<tptz:Preset token="{token}"><tt:Name>{escape(name)}</tt:Name>'
        f"<tt:PTZPosition>{_position(view)}</tt:PTZPosition></tptz:Preset>"
        for token, (name, view) in device.head.presets.items()
    )
    return f"<tptz:GetPresetsResponse>{inner}</tptz:GetPresetsResponse>"


def _preset(device: Device, call: Call) -> str:
    token = call.text("PresetToken")
    if token not in device.head.presets:
        raise SoapFault("ter:NoToken", f"there is no preset {token!r}")
    return token


def _set_preset(device: Device, call: Call) -> str:
    if call.text("PresetToken"):
        _preset(device, call)
    try:
        token = device.head.remember(call.text("PresetToken"), call.text("PresetName"))
    except ValueError as error:
        raise SoapFault("ter:TooManyPresets", str(error), sender=False) from error
    return (
        f"<tptz:SetPresetResponse><tptz:PresetToken>{token}</tptz:PresetToken>"
        "</tptz:SetPresetResponse>"
    )


def _goto_preset(device: Device, call: Call) -> str:
    device.head.go(device.head.presets[_preset(device, call)][1])
    return "<tptz:GotoPresetResponse/>"


def _remove_preset(device: Device, call: Call) -> str:
    del device.head.presets[_preset(device, call)]
    return "<tptz:RemovePresetResponse/>"


def _go_home(device: Device, call: Call) -> str:
    device.head.go(device.head.home)
    return "<tptz:GotoHomePositionResponse/>"


def _set_home(device: Device, call: Call) -> str:
    device.head.settle_home()
    return "<tptz:SetHomePositionResponse/>"


def _imaging(device: Device, call: Call) -> str:
    values = {name: f"{getattr(device.imaging, _FIELDS[name]):g}" for name in _IMAGING}
    values["IrCutFilter"] = device.imaging.ir_cut
    # By the alphabet is the order of the schema (tt:ImagingSettings20).
    inner = "".join(f"<tt:{name}>{values[name]}</tt:{name}>" for name in sorted(values))
    return (
        f"<timg:GetImagingSettingsResponse><timg:ImagingSettings>{inner}</timg:ImagingSettings>"
        "</timg:GetImagingSettingsResponse>"
    )


def _set_imaging(device: Device, call: Call) -> str:
    for name, field in _FIELDS.items():
        text = call.text(name)
        if not text:
            continue
        try:
            value = float(text)
        except ValueError as error:
            raise SoapFault("ter:SettingsInvalid", str(error)) from error
        if not 0 <= value <= 100:
            raise SoapFault("ter:SettingsInvalid", f"{name} {value:g} is not 0 to 100")
        setattr(device.imaging, field, value)
    mode = call.text("IrCutFilter", device.imaging.ir_cut)
    if mode not in IR_CUT_MODES:
        raise SoapFault("ter:SettingsInvalid", f"IrCutFilter {mode!r} is not known")
    device.imaging.ir_cut = mode
    return "<timg:SetImagingSettingsResponse/>"


def _imaging_options(device: Device, call: Call) -> str:
    levels = {
        name: f"<tt:{name}><tt:Min>0</tt:Min><tt:Max>100</tt:Max></tt:{name}>" for name in _IMAGING
    }
    focus = "<tt:Focus><tt:AutoFocusModes>AUTO</tt:AutoFocusModes></tt:Focus>"
    modes = (f"<tt:IrCutFilterModes>{mode}</tt:IrCutFilterModes>" for mode in IR_CUT_MODES)
    # The order of the schema (tt:ImagingOptions20).
    inner = (
        levels["Brightness"] + levels["ColorSaturation"] + levels["Contrast"] + focus
        + "".join(modes) + levels["Sharpness"]
    )  # fmt: skip
    return (
        f"<timg:GetOptionsResponse><timg:ImagingOptions>{inner}</timg:ImagingOptions>"
        "</timg:GetOptionsResponse>"
    )


def _move_focus(device: Device, call: Call) -> str:
    try:
        device.imaging.focusing = float(call.text("Speed"))
    except ValueError as error:
        raise SoapFault("ter:InvalidArgVal", str(error)) from error
    return "<timg:MoveResponse/>"


def _stop_focus(device: Device, call: Call) -> str:
    device.imaging.focusing = 0.0
    return "<timg:StopResponse/>"


PTZ: dict[str, Answer] = {
    "GetNodes": _nodes,
    "GetNode": _one_node,
    "GetConfigurations": _configurations,
    "GetStatus": _status,
    "AbsoluteMove": _absolute,
    "RelativeMove": _relative,
    "ContinuousMove": _continuous,
    "Stop": _stop,
    "GetPresets": _presets,
    "SetPreset": _set_preset,
    "GotoPreset": _goto_preset,
    "RemovePreset": _remove_preset,
    "GotoHomePosition": _go_home,
    "SetHomePosition": _set_home,
}
IMAGING: dict[str, Answer] = {
    "GetImagingSettings": _imaging,
    "SetImagingSettings": _set_imaging,
    "GetOptions": _imaging_options,
    "Move": _move_focus,
    "Stop": _stop_focus,
}
