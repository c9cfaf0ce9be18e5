"""Events by pull point (ONVIF Core §9.2): motion, tamper, digital input, signal loss."""

from __future__ import annotations

import datetime as dt

from vms.core.clock import SECOND
from vms.simulator.onvif.answers_device import Answer
from vms.simulator.onvif.answers_ptz import duration
from vms.simulator.onvif.device import Device, Event, EventKind, Subscription
from vms.simulator.onvif.soap import Call, SoapFault

_LIFE = 60 * SECOND
_LONGEST_LIFE = 600 * SECOND

# Topic, the source's name and value, the datum's name (ONVIF Imaging §5.5, Device IO §8.8).
TOPICS: dict[EventKind, tuple[str, str, str, str]] = {
    "motion": ("tns1:VideoSource/MotionAlarm", "Source", "vs", "State"),
    "tamper": ("tns1:VideoSource/GlobalSceneChange/ImagingService", "Source", "vs", "State"),
    "digital-input": ("tns1:Device/Trigger/DigitalInput", "InputToken", "in-1", "LogicalState"),
    "signal-loss": ("tns1:VideoSource/SignalLoss", "Source", "vs", "State"),
}


def _moment(nanoseconds: int) -> str:
    moment = dt.datetime.fromtimestamp(nanoseconds // SECOND, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _wanted_life(call: Call, name: str) -> int:
    return min(duration(call.text(name)) or _LIFE, _LONGEST_LIFE)


def _properties(device: Device, call: Call) -> str:
    topics = (
        '<tns1:VideoSource><MotionAlarm wstop:topic="true"/>'
        '<GlobalSceneChange><ImagingService wstop:topic="true"/></GlobalSceneChange>'
        '<SignalLoss wstop:topic="true"/></tns1:VideoSource>'
        '<tns1:Device><Trigger><DigitalInput wstop:topic="true"/></Trigger></tns1:Device>'
    )
    dialects = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
    return (
        "<tev:GetEventPropertiesResponse><tev:TopicNamespaceLocation>"
        "http://www.onvif.org/onvif/ver10/topics/topicns.xml</tev:TopicNamespaceLocation>"
        f"<wsnt:FixedTopicSet>true</wsnt:FixedTopicSet><wstop:TopicSet>{topics}</wstop:TopicSet>"
        f"<wsnt:TopicExpressionDialect>{dialects}</wsnt:TopicExpressionDialect>"
        "<tev:MessageContentFilterDialect>"
        "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"
        "</tev:MessageContentFilterDialect></tev:GetEventPropertiesResponse>"
    )


def _create(device: Device, call: Call) -> str:
    life = _wanted_life(call, "InitialTerminationTime")
    try:
        key = device.subscribe(life)
    except ValueError as error:
        raise SoapFault("ter:MaxPullPoints", str(error), sender=False) from error
    address, parameters = device.url(f"subscription/{key}"), ""
    if "onvif-parameters" in device.faults:
        address = device.url("subscription")
        parameters = (
            '<wsa:ReferenceParameters><g:SubscriptionId xmlns:g="urn:gozcu:simulator">'
            f"{key}</g:SubscriptionId></wsa:ReferenceParameters>"
        )
    return (
        "<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference>"
        f"<wsa:Address>{address}</wsa:Address>{parameters}"
        f"</tev:SubscriptionReference><wsnt:CurrentTime>{_moment(device.now)}</wsnt:CurrentTime>"
        f"<wsnt:TerminationTime>{_moment(device.now + life)}</wsnt:TerminationTime>"
        "</tev:CreatePullPointSubscriptionResponse>"
    )


EVENTS: dict[str, Answer] = {
    "GetEventProperties": _properties,
    "CreatePullPointSubscription": _create,
}


def pull_timeout(call: Call) -> int:
    """How long a PullMessages may wait, in nanoseconds."""
    return min(duration(call.text("Timeout")) or 0, _LIFE)


def pulled(device: Device, subscription: Subscription, call: Call) -> str:
    """What waits at a pull point, at most as many as asked for."""
    text = call.text("MessageLimit", "100")
    limit = int(text) if text.isdigit() else 100
    waiting = subscription.waiting
    events = [waiting.popleft() for _ in range(min(limit, len(waiting)))]
    left = subscription.until - device.clock.monotonic()
    return (
        f"<tev:PullMessagesResponse><tev:CurrentTime>{_moment(device.now)}</tev:CurrentTime>"
        f"<tev:TerminationTime>{_moment(device.now + left)}</tev:TerminationTime>"
        f"{''.join(map(_message, events))}</tev:PullMessagesResponse>"
    )


def at_subscription(device: Device, key: str, call: Call) -> str:
    """Renew, Unsubscribe, SetSynchronizationPoint at a pull point."""
    subscription = subscription_of(device, key)
    match call.action:
        case "Renew":
            life = _wanted_life(call, "TerminationTime")
            subscription.until = device.clock.monotonic() + life
            return (
                "<wsnt:RenewResponse><wsnt:TerminationTime>"
                f"{_moment(device.now + life)}</wsnt:TerminationTime>"
                f"<wsnt:CurrentTime>{_moment(device.now)}</wsnt:CurrentTime></wsnt:RenewResponse>"
            )
        case "Unsubscribe":
            del device.subscriptions[key]
            return "<wsnt:UnsubscribeResponse/>"
        case "SetSynchronizationPoint":
            for kind, on in device.state.items():
                subscription.waiting.append(Event(kind, on, device.now, "Initialized"))
            return "<tev:SetSynchronizationPointResponse/>"
        case other:
            raise SoapFault("ter:ActionNotSupported", f"{other} is not an action of a pull point")


def subscription_of(device: Device, key: str) -> Subscription:
    """The pull point, if it has not run out. Raises SoapFault."""
    found = device.subscriptions.get(key)
    if found is None or found.until < device.clock.monotonic():
        raise SoapFault("ter:InvalidArgVal", f"there is no subscription {key}")
    return found


def _message(event: Event) -> str:
    topic, source, value, datum = TOPICS[event.kind]
    return (
        "<wsnt:NotificationMessage><wsnt:Topic "
        'Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">'
        f"{topic}</wsnt:Topic><wsnt:Message>"
        f'<tt:Message UtcTime="{_moment(event.at)}" PropertyOperation="{event.operation}">'
        f'<tt:Source><tt:SimpleItem Name="{source}" Value="{value}"/></tt:Source>'
        f'<tt:Data><tt:SimpleItem Name="{datum}" Value="{str(event.on).lower()}"/></tt:Data>'
        "</tt:Message></wsnt:Message></wsnt:NotificationMessage>"
    )
