//! Passwords: Argon2id, as a PHC string.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};

/// Shortest password, in characters.
pub(crate) const SHORTEST: usize = 12;
/// Longest, in bytes: hashing takes as long as its text.
pub(crate) const LONGEST: usize = 256;

/// The hash of a new password.
///
/// # Errors
/// In words, if it is too short or too long.
pub fn hash_password(password: &str) -> Result<String, String> {
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        return Err(format!("a password has {SHORTEST} characters at least, and {LONGEST} bytes at most"));
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|e| format!("the system gave no random bytes: {e}"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| format!("hashing the password: {e}"))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|e| format!("hashing the password: {e}"))?.to_string())
}

/// Whether it is the password of this hash. Without a hash the same work is done, so that the time it takes does not say
/// whether there is such an account.
pub(crate) fn is_password(password: &str, hash: Option<&str>) -> bool {
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    if password.len() > LONGEST {
        return false;
    }
    let right = PasswordHash::new(hash.unwrap_or(NOBODY))
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
    right && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_its_own_and_no_other() {
        let hash = hash_password("twelve letters").expect("long enough");
        assert!(hash.starts_with("$argon2id$"));
        assert!(is_password("twelve letters", Some(&hash)));
        assert!(!is_password("twelve letterz", Some(&hash)));
        assert!(!is_password("twelve letters", None));
        assert!(hash_password("short").is_err());
    }
}
