"""What a package says to people, in Turkish and English. Pure.

The words of the causes are those of the screens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from vms.core.model import Cause

Language = Literal["tr", "en"]

_EN = {
    "title": "Footage handed out",
    "made": "Made",
    "made_by": "Made by",
    "reason": "Reason",
    "id": "Number",
    "system": "System",
    "cameras": "Cameras",
    "requested": "Requested span",
    "delivered": "Delivered",
    "nothing": "no footage in this span",
    "clips": "Files",
    "file": "file",
    "shows": "shows (local time)",
    "size": "size",
    "gaps": "Spans without footage",
    "no_gaps": "None: the requested span is there without a break.",
    "gap": "from – to (local time)",
    "length": "length",
    "cause": "cause",
    "more": "… and {count} more: manifest.json names them all.",
    "clock": "The cameras' clocks",
    "clock_known": "{camera}: the camera's clock was between {low} and {high} from ours, each to "
    "within {error}.",
    "clock_unknown": "{camera}: the camera's clock is not known (it sends no time).",
    "clock_own": "Our own clock was kept by NTP to within {error}.",
    "clock_own_unknown": "Our own clock was not under NTP's control; its error is not known.",
    "proof": "How it is proven",
    "proof_text": "{proven} of {count} stored files are handed out whole and can be put together "
    "again from this package and compared with the ledger; of the others a part is handed out, "
    "which the signature vouches for. The coded pictures and sound are those the cameras sent, "
    "unchanged. manifest.json says which; it is signed with the key",
    "checkpoint": "The ledger then had {size} entries and the root",
    "stamped_too": "An independent authority has stamped it with its time (RFC 3161).",
    "unstamped": "No independent time stamp.",
    "check": "How to check it",
    "check_text": "Offline, on any machine: vms verify FILE.zip. Without our program, with openssl "
    "and sha256sum: README.txt in the package says how. Compare the key above with the one the "
    "institution gives you by another way.",
    "zone": "All local times: {zone}.",
    "sound": "with sound",
    "no_sound": "without sound",
    "no_footage": "NO FOOTAGE",
    "page": "Page",
    "cut": "A file begins with the keyframe before the requested time so that it can be decoded; "
    "players begin to show it at the requested time. In a gap the last picture stands still; the "
    "subtitles (.srt) say so and show the time of every second.",
}  # fmt: skip
_TR = {
    "title": "Kayıt teslim tutanağı eki",
    "made": "Hazırlandı",
    "made_by": "Hazırlayan",
    "reason": "Gerekçe",
    "id": "Numara",
    "system": "Sistem",
    "cameras": "Kameralar",
    "requested": "İstenen aralık",
    "delivered": "Teslim edilen",
    "nothing": "bu aralıkta kayıt yok",
    "clips": "Dosyalar",
    "file": "dosya",
    "shows": "gösterdiği süre (yerel saat)",
    "size": "boyut",
    "gaps": "Kayıt olmayan aralıklar",
    "no_gaps": "Yok: istenen aralık kesintisiz olarak teslim edilmiştir.",
    "gap": "başlangıç – bitiş (yerel saat)",
    "length": "süre",
    "cause": "neden",
    "more": "… ve {count} aralık daha: hepsi manifest.json içindedir.",
    "clock": "Kameraların saatleri",
    "clock_known": "{camera}: kameranın saati ile bizim saatimiz arasındaki fark {low} ile {high} "
    "arasındaydı; hata payı en çok {error}.",
    "clock_unknown": "{camera}: kameranın saati bilinmiyor (zaman bilgisi göndermiyor).",
    "clock_own": "Kendi saatimiz NTP ile en çok {error} hata payıyla tutulmuştur.",
    "clock_own_unknown": "Kendi saatimiz NTP denetiminde değildi; hatası bilinmiyor.",
    "proof": "Kanıtı",
    "proof_text": "Saklanan {count} dosyadan {proven} tanesi bütün olarak teslim edilmiştir; bu "
    "paketten yeniden kurulup kayıt defteriyle karşılaştırılabilir. Ötekilerin bir bölümü teslim "
    "edilmiştir ve imza ile güvence altındadır. Kodlanmış görüntü ve ses, kameraların gönderdiği "
    "gibidir, değiştirilmemiştir. Ayrıntısı manifest.json içindedir; imzalandığı anahtar",
    "checkpoint": "Kayıt defterinde o anda {size} kayıt vardı; kökü",
    "stamped_too": "Bağımsız bir kurum onu kendi zamanıyla damgalamıştır (RFC 3161).",
    "unstamped": "Bağımsız zaman damgası yoktur.",
    "check": "Nasıl denetlenir",
    "check_text": "İnternetsiz, herhangi bir bilgisayarda: vms verify DOSYA.zip. Programımız "
    "olmadan, openssl ve sha256sum ile: paketteki BENIOKU.txt anlatır. Yukarıdaki anahtarı, "
    "kurumun başka bir yoldan bildirdiği anahtarla karşılaştırın.",
    "zone": "Bütün yerel saatler: {zone}.",
    "sound": "sesli",
    "no_sound": "sessiz",
    "no_footage": "KAYIT YOK",
    "page": "Sayfa",
    "cut": "Bir dosya, çözülebilmesi için istenen andan önceki anahtar kareyle başlar; oynatıcılar "
    "istenen andan başlayarak gösterir. Boşlukta son görüntü durur; altyazı (.srt) bunu söyler ve "
    "her saniyenin saatini gösterir.",
}
_WORDS: Mapping[Language, Mapping[str, str]] = {"en": _EN, "tr": _TR}

_CAUSES_EN = {
    Cause.UNREACHABLE: "camera not answering",
    Cause.REFUSED: "camera refuses",
    Cause.NOT_FOUND: "stream not found",
    Cause.SILENT: "camera silent",
    Cause.BROKEN_STREAM: "broken stream",
    Cause.NO_VIDEO: "no video in the stream",
    Cause.UNSUPPORTED_CODEC: "codec not supported",
    Cause.CONNECTING: "connecting",
    Cause.RECORDER_STOPPED: "recorder stopped",
    Cause.RECORDER_CRASHED: "recorder crashed",
    Cause.RECORDER_OVERLOADED: "recorder overloaded",
    Cause.DISK_SLOW: "disk slow",
    Cause.DISK_FULL: "disk full",
    Cause.DISK_FAILED: "disk failed",
    Cause.CLOCK_STEP: "clock stepped",
    Cause.FOOTAGE_DAMAGED: "footage damaged",
    Cause.RECORDING_OFF: "recording off",
    Cause.NOT_SCHEDULED: "outside the schedule",
    Cause.NO_EVENT: "no event",
    Cause.PRIVACY: "privacy hours",
    Cause.REMOVED: "camera removed",
    Cause.DELETED: "deleted by rule",
}
_CAUSES_TR = {
    Cause.UNREACHABLE: "kamera yanıt vermiyor",
    Cause.REFUSED: "kamera reddediyor",
    Cause.NOT_FOUND: "akış bulunamadı",
    Cause.SILENT: "kamera sessiz",
    Cause.BROKEN_STREAM: "akış bozuk",
    Cause.NO_VIDEO: "akışta görüntü yok",
    Cause.UNSUPPORTED_CODEC: "kodlama desteklenmiyor",
    Cause.CONNECTING: "bağlanıyor",
    Cause.RECORDER_STOPPED: "kaydedici durduruldu",
    Cause.RECORDER_CRASHED: "kaydedici çöktü",
    Cause.RECORDER_OVERLOADED: "kaydedici yetişemiyor",
    Cause.DISK_SLOW: "disk yavaş",
    Cause.DISK_FULL: "disk dolu",
    Cause.DISK_FAILED: "disk arızası",
    Cause.CLOCK_STEP: "saat atladı",
    Cause.FOOTAGE_DAMAGED: "kayıt hasarlı",
    Cause.RECORDING_OFF: "kayıt kapalı",
    Cause.NOT_SCHEDULED: "çizelge dışı",
    Cause.NO_EVENT: "olay yok",
    Cause.PRIVACY: "mahremiyet saatleri",
    Cause.REMOVED: "kamera kaldırıldı",
    Cause.DELETED: "kural gereği silindi",
}
_CAUSES: Mapping[Language, Mapping[Cause, str]] = {"en": _CAUSES_EN, "tr": _CAUSES_TR}


def words_in(language: Language) -> Mapping[str, str]:
    """The words of a language."""
    return _WORDS[language]


def cause_in(language: Language, cause: Cause) -> str:
    """A cause for people; one that is new here is shown by its own word."""
    return _CAUSES[language].get(cause, cause.value)
