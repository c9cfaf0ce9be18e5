"""What an incident pack says of itself, in Turkish and English."""

from __future__ import annotations

README_TR = """\
OLAY DOSYASI: KAMERALARA ERİŞİM KAYITLARI

audit.csv        kayıtlar, tablo olarak (RFC 4180, UTF-8, zaman UTC)
audit.json       aynı kayıtlar; her birinin "line" alanı, özeti alınan satırın kendisidir
proofs.json      her yığın (batch) için kanıt
checkpoint.txt   kayıt defterinin imzalı başı (C2SP signed note, Ed25519)
keys.txt         imzayı denetleyen anahtarlar; kurumdan ayrıca da alın

Denetleme (RFC 6962, SHA-256):
1. Bir kaydın özeti: SHA-256(0x00 + "line"); proofs.json içinde kendi yığınının
   "hashes" listesinde, "position" sırasındaki değere eşit olmalıdır.
2. "hashes" değerlerinin Merkle kökü, "leaf" satırındaki "sha256" ile aynı olmalıdır.
3. SHA-256(0x00 + "leaf"), "place" ve "inclusion" ile "size" yapraklı ağacın köküne,
   yani checkpoint.txt içindeki köke götürmelidir.
4. checkpoint.txt imzası keys.txt içindeki anahtarla doğrulanmalıdır.

Yığını proofs.json içinde olmayan bir kayıt kanıtsızdır: veritabanı değiştirilmiştir.
Sorulmayan kayıtların yalnızca özetleri vardır; içerikleri bu dosyada bulunmaz.
Bir izlemenin kayıtlarından (aynı "viewing") sonuncusu bütününü söyler.
"""

README_EN = """\
INCIDENT PACK: ACCESS TO CAMERAS

audit.csv        the entries as a table (RFC 4180, UTF-8, times in UTC)
audit.json       the same entries; "line" of each is the very line that was hashed
proofs.json      the proof of each batch
checkpoint.txt   the ledger's signed head (C2SP signed note, Ed25519)
keys.txt         the keys that verify it; get them from the institution by another way too

To check it (RFC 6962, SHA-256):
1. An entry's hash, SHA-256(0x00 + "line"), must equal the value at its "position" in
   "hashes" of its batch in proofs.json.
2. The Merkle root over "hashes" must be the "sha256" in the line "leaf".
3. SHA-256(0x00 + "leaf"), by "place" and "inclusion", must lead to the root of the tree
   of "size" leaves: the root in checkpoint.txt.
4. The signature of checkpoint.txt must hold by a key of keys.txt.

An entry whose batch is not in proofs.json is unproven: the database was changed.
Of entries that were not asked for there are only hashes; what they say is not in here.
Of the entries of one viewing (the same "viewing") the last says all of it.
"""
