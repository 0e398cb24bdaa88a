//! Ed25519 signatures over whole packages, in the files of minisign (<https://jedisct1.github.io/minisign/>): whoever has
//! that program can check a package with it, or sign one. Of its two kinds, the one that signs the file's BLAKE2b hash (`ED`) is
//! what that program makes, and what is made here; the one that signs the file itself (`Ed`) is read as well.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::blake2b;

/// What a signature's file ends with, behind the package's own name.
pub const ENDING: &str = "minisig";

const KIND: &[u8; 2] = b"Ed";
const KIND_OF_HASH: &[u8; 2] = b"ED";
const ID_BYTES: usize = 8;
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
const UNTRUSTED: &str = "untrusted comment: ";
const TRUSTED: &str = "trusted comment: ";
const PEM: [&str; 2] = ["-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"];
/// The longest file of a key or signature, in bytes.
pub const FILE_BYTES: usize = 8 << 10;

/// A publisher's public key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublicKey {
    id: [u8; ID_BYTES],
    key: [u8; KEY_BYTES],
}

impl PublicKey {
    /// Reads a key: the file of one, or its line alone.
    ///
    /// # Errors
    /// Says in one clause what it is instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "that is no public key: one line of 56 characters that begins with `RW`".to_owned();
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).ok_or_else(wrong)?;
        let bytes = STANDARD.decode(line).map_err(|_| wrong())?;
        let rest =
            bytes.strip_prefix(KIND).filter(|rest| rest.len() == ID_BYTES + KEY_BYTES).ok_or_else(wrong)?;
        let (id, key) = rest.split_at(ID_BYTES);
        Ok(Self { id: id.try_into().map_err(|_| wrong())?, key: key.try_into().map_err(|_| wrong())? })
    }

    /// Gives the number by which signatures name the key.
    pub fn id(&self) -> String {
        id_text(&self.id)
    }

    /// Says whether it is the same key, whatever number it goes by: whoever makes a key's file chooses that.
    pub fn is(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// Gives the key's file.
    pub fn file(&self) -> String {
        format!("{UNTRUSTED}rollcall public key {}\n{self}\n", self.id())
    }
}

/// The key as one line.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode([&KIND[..], &self.id, &self.key].concat()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As minisign writes it: the number's bytes are a little-endian number.
fn id_text(id: &[u8; ID_BYTES]) -> String {
    format!("{:016X}", u64::from_le_bytes(*id))
}

/// A publisher's secret key.
pub struct SecretKey {
    pair: Ed25519KeyPair,
}

impl SecretKey {
    /// Draws a key and gives it with its file: PKCS #8 in PEM (RFC 5958, RFC 7468), as other tools read it too.
    ///
    /// # Errors
    /// Where this machine has no random numbers.
    pub fn draw() -> Result<(Self, String), String> {
        let drawn = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let drawn = drawn.map_err(|_| "no random numbers".to_owned())?;
        let pair = Ed25519KeyPair::from_pkcs8(drawn.as_ref()).map_err(|error| error.to_string())?;
        let file = format!("{}\n{}\n{}\n", PEM[0], STANDARD.encode(drawn.as_ref()), PEM[1]);
        Ok((Self { pair }, file))
    }

    /// Reads the file of a key.
    ///
    /// # Errors
    /// Says in one clause what it is instead; nothing of the file stands in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "that is no secret key of `rollcall connector keygen`".to_owned();
        let body = text.trim().strip_prefix(PEM[0]).and_then(|rest| rest.strip_suffix(PEM[1]));
        let body: String = body.ok_or_else(wrong)?.split_whitespace().collect();
        let bytes = STANDARD.decode(body).map_err(|_| wrong())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes).map_err(|_| wrong())?;
        Ok(Self { pair })
    }

    /// Gives the public half. Its number is the beginning of its SHA-256, so that nothing but the key is to be kept.
    pub fn public(&self) -> PublicKey {
        let mut public = PublicKey { id: [0; ID_BYTES], key: [0; KEY_BYTES] };
        public.key.copy_from_slice(self.pair.public_key().as_ref());
        public.id.copy_from_slice(&Sha256::digest(public.key)[..ID_BYTES]);
        public
    }

    /// Signs bytes, and gives the signature's file. `comment` is signed too: one line.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> String {
        let public = self.public();
        let signature = self.pair.sign(&blake2b::hash(bytes));
        let comment = comment.replace(['\n', '\r'], " ");
        let whole = self.pair.sign(&[signature.as_ref(), comment.as_bytes()].concat());
        format!(
            "{UNTRUSTED}signature by rollcall key {}\n{}\n{TRUSTED}{comment}\n{}\n",
            public.id(),
            STANDARD.encode([&KIND_OF_HASH[..], &public.id, signature.as_ref()].concat()),
            STANDARD.encode(whole.as_ref())
        )
    }
}

/// A signature as it stands in its file, compared with nothing yet.
#[derive(Clone, Debug)]
pub struct Signature {
    id: [u8; ID_BYTES],
    /// Whether it is one of the file's hash.
    of_hash: bool,
    signature: Vec<u8>,
    comment: String,
    whole: Vec<u8>,
}

impl Signature {
    /// Reads the file of a signature.
    ///
    /// # Errors
    /// Says in one clause what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "it is no signature".to_owned();
        let mut lines = text.lines();
        lines.next().filter(|line| line.starts_with(UNTRUSTED)).ok_or_else(wrong)?;
        let decoded = |line: Option<&str>| STANDARD.decode(line?.trim()).ok();
        let first = decoded(lines.next()).ok_or_else(wrong)?;
        let comment = lines.next().and_then(|line| line.strip_prefix(TRUSTED)).ok_or_else(wrong)?.to_owned();
        let whole = decoded(lines.next()).ok_or_else(wrong)?;
        let of_hash = first.starts_with(KIND_OF_HASH);
        let rest = first.strip_prefix(if of_hash { KIND_OF_HASH } else { KIND }).ok_or_else(wrong)?;
        let (id, signature) = rest.split_at_checked(ID_BYTES).ok_or_else(wrong)?;
        if signature.len() != SIGNATURE_BYTES || lines.any(|line| !line.trim().is_empty()) {
            return Err(wrong());
        }
        Ok(Self {
            id: id.try_into().map_err(|_| wrong())?,
            of_hash,
            signature: signature.to_vec(),
            comment,
            whole,
        })
    }

    /// Gives the number of the key that it says it was made with.
    pub fn id(&self) -> String {
        id_text(&self.id)
    }

    /// Says whether it names a key; that alone proves nothing.
    pub fn names(&self, key: &PublicKey) -> bool {
        self.id == key.id
    }

    /// Says whether a key made this signature over these bytes, its comment included.
    pub fn fits(&self, key: &PublicKey, bytes: &[u8]) -> bool {
        let public = UnparsedPublicKey::new(&ED25519, key.key);
        let whole = [self.signature.as_slice(), self.comment.as_bytes()].concat();
        let hash = self.of_hash.then(|| blake2b::hash(bytes));
        self.names(key)
            && public.verify(hash.as_ref().map_or(bytes, |hash| hash.as_slice()), &self.signature).is_ok()
            && public.verify(&whole, &self.whole).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_key_and_its_bytes_alone() {
        let (secret, file) = SecretKey::draw().unwrap();
        let public = SecretKey::parse(&file).unwrap().public();
        assert_eq!(public, secret.public());
        assert_eq!(PublicKey::parse(&public.file()).unwrap(), public);
        assert_eq!(PublicKey::parse(&public.to_string()).unwrap(), public);
        assert!(public.to_string().starts_with("RW") && public.to_string().len() == 56, "{public}");
        let signed = secret.sign(b"bytes", "file:x");
        assert_eq!(signed, secret.sign(b"bytes", "file:x"), "no chance in a signature");
        let fits = |text: &str, key: &PublicKey, bytes: &[u8]| {
            Signature::parse(text).is_ok_and(|signature| signature.fits(key, bytes))
        };
        assert!(fits(&signed, &public, b"bytes"));
        assert!(!fits(&signed, &public, b"Bytes"));
        assert!(!fits(&signed.replace("file:x", "file:y"), &public, b"bytes"), "the comment is signed");
        let other = SecretKey::draw().unwrap().0.public();
        assert!(!fits(&signed, &other, b"bytes"));
        // The number alone makes no key.
        let posing = PublicKey { id: public.id, key: other.key };
        assert!(!fits(&signed, &posing, b"bytes"));
        let mut cut: Vec<&str> = signed.lines().collect();
        cut.pop();
        assert!(Signature::parse(&cut.join("\n")).is_err());
    }

    /// The example of the documentation of minisign-verify: the file holds `test`.
    #[test]
    fn signatures_of_minisign_are_understood() {
        let key = PublicKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap();
        assert_eq!(key.id(), "E7620F1842B4E81F");
        let file = "untrusted comment: signature from minisign secret key\n\
            RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=\n\
            trusted comment: timestamp:1555779966\tfile:test\n\
            QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==\n";
        let signature = Signature::parse(file).unwrap();
        assert!(signature.fits(&key, b"test"));
        assert!(!signature.fits(&key, b"Test"));
        // Made with minisign 0.11, whose own kind is that of the hash.
        let hashing = PublicKey::parse("RWTXatQurwMBDHQqAfe/BeT3Ivr3TWxJi288uUThOJ+TJ1u11UaaPJr/").unwrap();
        let theirs = "untrusted comment: signature from minisign secret key\n\
            RUTXatQurwMBDMWcOw9rWhzagC4cEquXKmIZmzHB62gJ+J0JkxOa0FStDQ9aZ5UzLOTU10FVyApIvFSXJgSkyUHuaj4DGkZTjg8=\n\
            trusted comment: file:test\n\
            EvGZUNU9FL4TWenOPfjOoD1GqCU3XRThmKJA9BPUbMrAQSMXisWTobT2wA7lnTRcLUBl9TclnMxxcMW2U9D5Bg==\n";
        let theirs = Signature::parse(theirs).unwrap();
        assert!(theirs.fits(&hashing, b"test") && !theirs.fits(&hashing, b"Test"));
        // Of the one kind it is none of the other.
        let hashed = file.replace("RWQf6LRCGA9i59SL", "RUQf6LRCGA9i59SL");
        assert!(!Signature::parse(&hashed).unwrap().fits(&key, b"test"));
    }
}
