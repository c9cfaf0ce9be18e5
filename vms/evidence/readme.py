"""README.txt of a package: what lies in it, and how to check it with `openssl` and `sha256sum`."""

from __future__ import annotations

from vms.evidence.words import Language

_EN = """What this is
============
Footage handed out by a video management system (Gözcü), with what proves it.

  CAMERA/*.mp4      the pictures and the sound, as the camera sent them. Play them with VLC.
  CAMERA/*.srt      the time of every second; VLC shows it if it lies beside the .mp4.
  report.pdf        one page for people (rapor.pdf in Turkish).
  manifest.json     all facts: spans, gaps with their causes, clocks, hashes, proofs.
  manifest.json.sig the signature of manifest.json (Ed25519, 64 bytes).
  key.pem           the public key of that signature.
  checkpoint.txt    the signed head of the institution's ledger (C2SP tlog-checkpoint).
  proof/*.shell     the bytes of the stored files that are not pictures or sound.
  SHA256SUMS        the hashes of all files.

How to check it
===============
With our program, offline (pip install gozcu):

  vms verify FILE.zip --key '{key}'

Without it, after unpacking:

  openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in manifest.json -sigfile manifest.json.sig
  sha256sum -c SHA256SUMS
  sha256sum SHA256SUMS        # must be what manifest.json says of it

The first says who: the key in key.pem. Ask the institution for its key by another way and compare:

  {key}

The second and third say that no file was changed. docs/evidence.md of Gözcü tells how to put the
stored files together again from an .mp4 and its .shell, and how to follow a segment's hash to the
ledger's head.
"""
_TR = """Bu nedir
========
Bir video yönetim sisteminden (Gözcü) teslim edilen kayıt ve onu kanıtlayan bilgiler.

  KAMERA/*.mp4      kameranın gönderdiği görüntü ve ses, değiştirilmemiş. VLC ile açılır.
  KAMERA/*.srt      her saniyenin saati; .mp4 ile aynı klasördeyken VLC gösterir.
  rapor.pdf         insanlar için bir sayfa (İngilizcesi report.pdf).
  manifest.json     bütün bilgiler: aralıklar, nedenleriyle boşluklar, saatler, özetler, kanıtlar.
  manifest.json.sig manifest.json dosyasının imzası (Ed25519, 64 bayt).
  key.pem           bu imzanın açık anahtarı.
  checkpoint.txt    kurumun kayıt defterinin imzalı başı (C2SP tlog-checkpoint).
  proof/*.shell     saklanan dosyaların görüntü ve ses dışındaki baytları.
  SHA256SUMS        bütün dosyaların özetleri.

Nasıl denetlenir
================
Programımızla, internetsiz (pip install gozcu):

  vms verify DOSYA.zip --key '{key}'

Onsuz, paketi açtıktan sonra:

  openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in manifest.json -sigfile manifest.json.sig
  sha256sum -c SHA256SUMS
  sha256sum SHA256SUMS        # manifest.json içinde yazanla aynı olmalıdır

Birincisi kimin imzaladığını gösterir: key.pem içindeki anahtar. Kurumdan anahtarını başka bir
yoldan isteyin ve karşılaştırın:

  {key}

İkincisi ve üçüncüsü hiçbir dosyanın değişmediğini gösterir. Saklanan dosyaların .mp4 ile .shell
dosyalarından yeniden nasıl kurulacağını ve bir parçanın özetinin kayıt defterinin başına nasıl
bağlandığını Gözcü'nün docs/evidence.md belgesi anlatır.
"""
_TEXTS = {"en": _EN, "tr": _TR}


def readme(language: Language, key: str) -> str:
    """The text, with the verifier key (C2SP) that the package is signed with."""
    return _TEXTS[language].format(key=key)
