"""What people read of a trial: each problem and each flaw as a sentence, in both languages."""

from __future__ import annotations

from vms.cameras.onvif.sentences import Sentence
from vms.cameras.trial import Flaw
from vms.core.model import Cause

PROBLEMS: dict[Cause, Sentence] = {
    Cause.UNREACHABLE: Sentence(
        "Nothing answers at this address: is the camera on, the address right, and the network "
        "open between here and there?",
        "Bu adreste yanıt veren yok: kamera açık mı, adres doğru mu, aradaki ağ geçiş veriyor mu?",
    ),
    Cause.REFUSED: Sentence(
        "The camera refuses the user or the password.",
        "Kamera kullanıcı adını ya da parolayı kabul etmiyor.",
    ),
    Cause.NOT_FOUND: Sentence(
        "The camera answers but has no such stream; compare the path with its own pages.",
        "Kamera yanıt veriyor ama böyle bir akışı yok; yolu kameranın kendi sayfalarıyla "
        "karşılaştırın.",
    ),
    Cause.SILENT: Sentence(
        "The camera is connected but sends no pictures.",
        "Kameraya bağlanıldı ama görüntü gelmiyor.",
    ),
    Cause.BROKEN_STREAM: Sentence(
        "The camera ended the connection or sent what can't be read.",
        "Kamera bağlantıyı kesti ya da okunamayan veri gönderdi.",
    ),
    Cause.NO_VIDEO: Sentence("The stream has no video.", "Akışta görüntü yok."),
    Cause.UNSUPPORTED_CODEC: Sentence(
        "The camera sends video that can't be stored; set it to H.264 or H.265.",
        "Kameranın gönderdiği görüntü saklanamıyor; H.264 ya da H.265 seçin.",
    ),
}

FLAWS: dict[Flaw, Sentence] = {
    Flaw.FPS_DIFFERS: Sentence(
        "It sends another number of pictures a second than it declares.",
        "Saniyede bildirdiğinden farklı sayıda görüntü gönderiyor.",
    ),
    Flaw.KEYFRAMES_FAR: Sentence(
        "More than 10 s lie between keyframes; live pictures begin late and searching is coarse. "
        "Set its keyframe interval (GOP) to 2 to 4 s.",
        "Anahtar kareler arası 10 saniyeden uzun; canlı görüntü geç başlar, arama kaba kalır. "
        "Anahtar kare aralığını (GOP) 2–4 saniyeye ayarlayın.",
    ),
    Flaw.PACKETS_LOST: Sentence(
        "Packets are missing: the camera or the network can't keep up.",
        "Paketler eksik: kamera ya da ağ yetişemiyor.",
    ),
    Flaw.CLOCK_OFF: Sentence(
        "Its clock is off by more than 2 s; give it an NTP server.",
        "Saati 2 saniyeden fazla sapmış; bir NTP sunucusu verin.",
    ),
    Flaw.NO_SENDER_REPORTS: Sentence(
        "It sent no report of its clock (RTCP); how far that is off can't be told.",
        "Saatini bildirmedi (RTCP); sapması bilinemiyor.",
    ),
    Flaw.KEEP_ALIVE_UNANSWERED: Sentence(
        "It does not answer when asked to keep the session; it is recorded all the same.",
        "Oturumu sürdürme isteğine yanıt vermiyor; yine de kaydedilir.",
    ),
    Flaw.NOT_NATIVE: Sentence(
        "It is read through libav, which takes more of the processor.",
        "libav üzerinden okunuyor; bu, işlemciyi daha çok yorar.",
    ),
}


def problem(cause: Cause) -> Sentence:
    """The sentence for why a stream can't be recorded."""
    return PROBLEMS.get(cause, PROBLEMS[Cause.BROKEN_STREAM])
