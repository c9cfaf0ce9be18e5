"""What people read about a trouble, in both languages of the screens."""

from __future__ import annotations

from dataclasses import dataclass

from vms.cameras.onvif.port import Trouble


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in English and in Turkish."""

    en: str
    tr: str


SENTENCES: dict[Trouble, Sentence] = {
    Trouble.UNREACHABLE: Sentence(
        "The camera's ONVIF service can't be reached.",
        "Kameranın ONVIF servisine ulaşılamıyor.",
    ),
    Trouble.SILENT: Sentence(
        "The camera does not finish its answer in time.",
        "Kamera yanıtını zamanında tamamlamıyor.",
    ),
    Trouble.FORBIDDEN_NETWORK: Sentence(
        "The address is outside the networks that may be dialled ([onvif] networks and "
        "[network] allow).",
        "Adres, aranmasına izin verilen ağların dışında ([onvif] networks ve [network] allow).",
    ),
    Trouble.REDIRECTED: Sentence(
        "The camera sends us to another address; we do not follow.",
        "Kamera bizi başka bir adrese yönlendiriyor; izlenmedi.",
    ),
    Trouble.NOT_ONVIF: Sentence(
        "What answers there is no ONVIF device; switch ONVIF on in the camera's own pages.",
        "Orada yanıt veren bir ONVIF cihazı değil; kameranın kendi sayfalarında ONVIF'i açın.",
    ),
    Trouble.HOSTILE: Sentence(
        "The answer is too large, too deep or harmful; it was not read.",
        "Yanıt çok büyük, çok derin ya da zararlı; okunmadı.",
    ),
    Trouble.BROKEN_ANSWER: Sentence(
        "The camera's answer is incomplete.",
        "Kameranın yanıtı eksik.",
    ),
    Trouble.REFUSED: Sentence(
        "The camera refuses the user or the password.",
        "Kamera kullanıcı adını ya da parolayı kabul etmiyor.",
    ),
    Trouble.LOCKED: Sentence(
        "The camera has locked the account; wait some minutes before the next try.",
        "Kamera hesabı kilitledi; yeniden denemeden önce birkaç dakika bekleyin.",
    ),
    Trouble.SPARED: Sentence(
        "The camera refused several sign-ins a short while ago and is left alone, so that it does "
        "not lock the account; search again in 15 minutes.",
        "Kamera kısa süre önce birkaç oturum açma denemesini reddetti; hesabı kilitlemesin diye "
        "şimdi denenmiyor. 15 dakika sonra yeniden arayın.",
    ),
    Trouble.CERTIFICATE: Sentence(
        "The camera shows another certificate than its settings take (onvif_certificate): it has a "
        "new one, or another machine stands in its place.",
        "Kamera, ayarlarında kabul edilenden (onvif_certificate) başka bir sertifika gösteriyor: "
        "sertifikası yenilenmiş ya da yerinde başka bir cihaz var.",
    ),
    Trouble.NO_PROFILE: Sentence(
        "The camera has no profile with video.",
        "Kamerada görüntülü bir profil yok.",
    ),
    Trouble.NO_SERVICE: Sentence(
        "The camera does not offer this over ONVIF.",
        "Kamera bunu ONVIF üzerinden sunmuyor.",
    ),
    Trouble.FAULT: Sentence(
        "The camera refuses the request; its own words stand beside.",
        "Kamera isteği reddediyor; kendi açıklaması yanında.",
    ),
}
