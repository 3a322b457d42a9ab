//! A vault for the desk: keys in plain files of their owner. It protects nothing against who can read the disk, and
//! says so in the directory; policy may refuse it (`limits.allow_desk_vault`).

use crate::vault::{KeyUse, KeyVault, VaultError};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const NOTICE: &str = "DESK VAULT - NOT HARDWARE\n\nThe keys in this directory are plain files. Whoever can read them can read this device's data.\nFor tests, demonstrations and desks; a phone's core keeps its keys in the phone's secure element.\n";

/// Keys in files, for the desk only.
#[derive(Debug)]
pub struct FileVault {
    dir: PathBuf,
    random: SystemRandom,
}

impl FileVault {
    /// Opens the vault in `dir`, which is made with its notice if it is not there.
    ///
    /// # Errors
    /// [`VaultError::Failed`] if the directory cannot be made.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, VaultError> {
        let dir = dir.into();
        if !dir.is_dir() {
            std::fs::create_dir_all(&dir).map_err(|_| VaultError::Failed)?;
            restrict(&dir, 0o700);
            std::fs::write(dir.join("README"), NOTICE).map_err(|_| VaultError::Failed)?;
        }
        Ok(Self { dir, random: SystemRandom::new() })
    }

    fn path(&self, label: &str, extension: &str) -> Result<PathBuf, VaultError> {
        let fine = !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fine { Ok(self.dir.join(format!("{label}.{extension}"))) } else { Err(VaultError::Failed) }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
        beatcheck_store::write_atomic(path, bytes).map_err(|_| VaultError::Failed)
    }

    fn read(&self, label: &str, extension: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        match std::fs::read(self.path(label, extension)?) {
            Ok(bytes) => Ok(Zeroizing::new(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(VaultError::NoSuchKey),
            Err(_) => Err(VaultError::Failed),
        }
    }

    fn signer(&self, label: &str) -> Result<EcdsaKeyPair, VaultError> {
        let pkcs8 = self.read(label, "sign")?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &self.random).map_err(|_| VaultError::Failed)
    }

    fn sealer(&self, label: &str) -> Result<LessSafeKey, VaultError> {
        let key = self.read(label, "wrap")?;
        UnboundKey::new(&AES_256_GCM, &key).map(LessSafeKey::new).map_err(|_| VaultError::Failed)
    }
}

fn restrict(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A vault on a file system without modes is still a vault; the notice says what it is worth.
        let _ = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}

impl KeyVault for FileVault {
    fn kind(&self) -> String {
        "desk".into()
    }

    fn create(&self, label: String, key_use: KeyUse) -> Result<Vec<u8>, VaultError> {
        match key_use {
            KeyUse::Sign => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &self.random)
                    .map_err(|_| VaultError::Failed)?;
                self.write(&self.path(&label, "sign")?, pkcs8.as_ref())?;
                self.public_key(label)
            }
            KeyUse::WrapPresence => Err(VaultError::Unsupported),
            KeyUse::Mix => {
                let mut key = Zeroizing::new([0; 32]);
                self.random.fill(&mut *key).map_err(|_| VaultError::Failed)?;
                self.write(&self.path(&label, "mix")?, &*key)?;
                Ok(Vec::new())
            }
            KeyUse::Wrap => {
                let mut key = Zeroizing::new([0; 32]);
                self.random.fill(&mut *key).map_err(|_| VaultError::Failed)?;
                self.write(&self.path(&label, "wrap")?, &*key)?;
                Ok(Vec::new())
            }
        }
    }

    fn public_key(&self, label: String) -> Result<Vec<u8>, VaultError> {
        Ok(self.signer(&label)?.public_key().as_ref().to_vec())
    }

    fn sign(&self, label: String, message: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        let signature = self.signer(&label)?.sign(&self.random, &message).map_err(|_| VaultError::Failed)?;
        Ok(signature.as_ref().to_vec())
    }

    fn wrap(&self, label: String, mut plain: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| VaultError::Failed)?;
        self.sealer(&label)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut plain)
            .map_err(|_| VaultError::Failed)?;
        Ok([nonce.as_slice(), &plain].concat())
    }

    fn unwrap(&self, label: String, wrapped: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        let (nonce, body) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::NotOurs)?;
        let mut body = body.to_vec();
        let plain = self
            .sealer(&label)?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut body)
            .map_err(|_| VaultError::NotOurs)?;
        Ok(plain.to_vec())
    }

    fn mix(&self, label: String, input: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &self.read(&label, "mix")?);
        Ok(ring::hmac::sign(&key, &input).as_ref().to_vec())
    }

    fn counter(&self, label: String) -> Result<u64, VaultError> {
        let path = self.path(&label, "counter")?;
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let next = text.trim().parse::<u64>().unwrap_or(0) + 1;
        self.write(&path, next.to_string().as_bytes())?;
        Ok(next)
    }

    fn attest(&self, label: String, nonce: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        self.sign(label, nonce)
    }

    fn destroy(&self, label: String) -> Result<(), VaultError> {
        for extension in ["sign", "wrap", "mix", "counter"] {
            match std::fs::remove_file(self.path(&label, extension)?) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(VaultError::Failed),
                _ => {}
            }
        }
        Ok(())
    }
}
