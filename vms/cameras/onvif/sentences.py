"""What people read about a trouble, in both languages of the screens: what is, and what to do.

The console has the same sentences (web/ui/src/lib/i18n/ptz.*.ts); a test holds them together.
"""

from __future__ import annotations

from dataclasses import dataclass

from vms.cameras.onvif.port import Trouble


@dataclass(frozen=True, slots=True)
class Sentence:
    """The same in English and in Turkish."""

    en: str
    tr: str


SENTENCES: dict[Trouble, Sentence] = {
    Trouble.UNREACHABLE: Sentence(
        "The camera's ONVIF service can't be reached: check its ONVIF address, its power and the "
        "network.",
        "Kameranın ONVIF servisine ulaşılamıyor: ONVIF adresini, elektriğini ve ağı denetleyin.",
    ),
    Trouble.SILENT: Sentence(
        "The camera does not finish its answer in time: try again; if it stays so, check the "
        "network and restart the camera.",
        "Kamera yanıtını zamanında tamamlamıyor: yeniden deneyin; sürerse ağı denetleyin, "
        "kamerayı yeniden başlatın.",
    ),
    Trouble.FORBIDDEN_NETWORK: Sentence(
        "The address is outside the networks that may be dialled: correct it, or have its network "
        "added ([onvif] networks and [network] allow).",
        "Adres, aranmasına izin verilen ağların dışında: adresi düzeltin ya da ağını ekletin "
        "([onvif] networks ve [network] allow).",
    ),
    Trouble.REDIRECTED: Sentence(
        "The camera sends us to another address, where we do not follow: enter the address at "
        "which it answers itself (often https:// or another port).",
        "Kamera bizi başka bir adrese yönlendiriyor; oraya gidilmedi: kameranın kendisinin yanıt "
        "verdiği adresi yazın (çoğu kez https:// ya da başka bir port).",
    ),
    Trouble.NOT_ONVIF: Sentence(
        "What answers there is no ONVIF device: switch ONVIF on in the camera's own pages, and "
        "check the address and its port.",
        "Orada yanıt veren bir ONVIF cihazı değil: kameranın kendi sayfalarında ONVIF'i açın, "
        "adresi ve portu denetleyin.",
    ),
    Trouble.HOSTILE: Sentence(
        "The answer is too large, too deep or harmful and was not read: see that the camera "
        "itself stands at this address, and update its firmware.",
        "Yanıt çok büyük, çok derin ya da zararlı; okunmadı: bu adreste gerçekten kameranın "
        "bulunduğunu denetleyin, yazılımını güncelleyin.",
    ),
    Trouble.BROKEN_ANSWER: Sentence(
        "The camera's answer is incomplete: try again; if it stays so, restart the camera and "
        "update its firmware.",
        "Kameranın yanıtı eksik: yeniden deneyin; sürerse kamerayı yeniden başlatın, yazılımını "
        "güncelleyin.",
    ),
    Trouble.REFUSED: Sentence(
        "The camera refuses the user or the password: correct them in the camera's settings; some "
        "cameras want a user of their own for ONVIF.",
        "Kamera kullanıcı adını ya da parolayı kabul etmiyor: kameranın ayarlarında düzeltin; "
        "kimi kameralar ONVIF için ayrı bir kullanıcı ister.",
    ),
    Trouble.LOCKED: Sentence(
        "The camera has locked the account: correct the password, and wait some minutes before "
        "the next try.",
        "Kamera hesabı kilitledi: parolayı düzeltin, yeniden denemeden önce birkaç dakika "
        "bekleyin.",
    ),
    Trouble.SPARED: Sentence(
        "The camera refused several sign-ins a short while ago and is left alone, so that it does "
        "not lock the account; search again in 15 minutes.",
        "Kamera kısa süre önce birkaç oturum açma denemesini reddetti; hesabı kilitlemesin diye "
        "şimdi denenmiyor. 15 dakika sonra yeniden arayın.",
    ),
    Trouble.CERTIFICATE: Sentence(
        "The camera shows another certificate than its settings take: it has a new one, or "
        "another machine stands in its place. Find out which; if it is new, enter it "
        "(onvif_certificate).",
        "Kamera, ayarlarında kabul edilenden başka bir sertifika gösteriyor: sertifikası "
        "yenilenmiş ya da yerinde başka bir cihaz var. Hangisi olduğunu öğrenin; yenilenmişse "
        "ayarlara yazın (onvif_certificate).",
    ),
    Trouble.NO_PROFILE: Sentence(
        "The camera has no profile with video: make one in the camera's own pages (H.264 or "
        "H.265).",
        "Kamerada görüntülü bir profil yok: kameranın kendi sayfalarında bir tane oluşturun "
        "(H.264 ya da H.265).",
    ),
    Trouble.NO_SERVICE: Sentence(
        "The camera does not offer this over ONVIF: if its own pages have a switch for it, turn "
        "it on; else this model can't do it.",
        "Kamera bunu ONVIF üzerinden sunmuyor: kendi sayfalarında bunun için bir ayar varsa açın; "
        "yoksa bu model bunu yapamaz.",
    ),
    Trouble.FAULT: Sentence(
        "The camera refuses the request; its own words stand beside. Try again; if it stays so, "
        "do it in the camera's own pages.",
        "Kamera isteği reddediyor; kendi açıklaması yanında. Yeniden deneyin; sürerse kameranın "
        "kendi sayfalarından yapın.",
    ),
}
