//! Passwords, kept as argon2id hashes. In: a password as somebody typed it. Out: its hash, or whether it fits one.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Serialize};

/// Characters of a password at least, where nothing else is asked for (NIST SP 800-63B-4, 3.1.1.2). Four words do.
const SHORTEST: usize = 15;
/// Bytes of a password at most.
const LONGEST: usize = 1024;

/// Why a password cannot be taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("the password has {0} characters: take {SHORTEST} at least, such as four words")]
    Short(usize),
    #[error("the password has {0} bytes: take {LONGEST} at most")]
    Long(usize),
    #[error("the password cannot be hashed: {0}")]
    Hashing(argon2::password_hash::Error),
}

/// A password's hash, as a PHC string with its own salt and parameters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(PasswordHash);

impl Hash {
    /// Hashes a new password, with a salt of its own. It takes some hundredths of a second, and 19 MiB.
    pub fn of(password: &str) -> Result<Hash, PasswordError> {
        match (password.chars().count(), password.len()) {
            (few, _) if few < SHORTEST => Err(PasswordError::Short(few)),
            (_, many) if many > LONGEST => Err(PasswordError::Long(many)),
            _ => Argon2::default().hash_password(password.as_bytes()).map(Hash).map_err(PasswordError::Hashing),
        }
    }

    /// Whether this is the password. It takes as long as hashing one, also where it is not.
    pub fn fits(&self, password: &str) -> bool {
        password.len() <= LONGEST && Argon2::default().verify_password(password.as_bytes(), &self.0).is_ok()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Hash, &'static str> {
        let hash = PasswordHash::new(&text).map_err(|_| "is no password's hash")?;
        let is_whole = hash.salt.is_some() && hash.hash.is_some() && Params::try_from(&hash).is_ok();
        (is_whole && hash.algorithm == ARGON2ID_IDENT).then_some(Hash(hash)).ok_or("is no argon2id hash")
    }
}

impl From<Hash> for String {
    fn from(Hash(hash): Hash) -> String {
        hash.to_string()
    }
}

/// A hash is no password, but it is nobody's business either.
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "correct horse battery staple";

    #[test]
    fn a_hash_fits_its_password_alone_and_each_has_its_own_salt() {
        let [one, other] = [Hash::of(GOOD).unwrap(), Hash::of(GOOD).unwrap()];
        assert!(one.fits(GOOD) && other.fits(GOOD) && one != other);
        assert!(!one.fits("correct horse battery stapl") && !one.fits("") && !one.fits(&"x".repeat(LONGEST + 1)));
        let text = String::from(one.clone());
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert_eq!(Hash::try_from(text), Ok(one));
        assert_eq!(format!("{other:?}"), "Hash(..)");
    }

    #[test]
    fn a_password_is_neither_short_nor_endless_whatever_its_letters() {
        assert_eq!(Hash::of("fourteen chars"), Err(PasswordError::Short(14)));
        assert_eq!(Hash::of(&"ä".repeat(14)), Err(PasswordError::Short(14)));
        assert_eq!(Hash::of(&"x".repeat(1025)), Err(PasswordError::Long(1025)));
        assert!(Hash::of(&"ä".repeat(15)).is_ok());
    }

    #[test]
    fn what_is_no_argon2id_hash_is_refused() {
        let hash = String::from(Hash::of(GOOD).unwrap());
        for wrong in [
            "",
            GOOD,
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            &hash.replace("argon2id", "argon2d"),
            &hash.replace("m=19456", "m=1"),
        ] {
            assert!(Hash::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
