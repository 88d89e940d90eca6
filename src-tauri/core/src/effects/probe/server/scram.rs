//! The client side of SCRAM-SHA-256 (RFC 5802 and 7677).

use std::num::NonZeroU32;

use data_encoding::BASE64;
use ring::{
    digest,
    hmac::{self, HMAC_SHA256},
    pbkdf2::{self, PBKDF2_HMAC_SHA256},
    rand::{SecureRandom as _, SystemRandom},
};

/// The maximum number of iterations that a server may request.
const MOST_ROUNDS: u32 = 1_000_000;

/// A login with SCRAM-SHA-256.
pub(super) struct Scram {
    /// The first message, without its head.
    bare: String,
    password: String,
}

impl Scram {
    pub(super) fn new(user: &str, password: &str) -> Self {
        let mut nonce = [0; 18];
        // Without random numbers the login is still valid; the nonce protects against replays.
        let _ = SystemRandom::new().fill(&mut nonce);
        Self::with_nonce(user, password, &BASE64.encode(&nonce))
    }

    fn with_nonce(user: &str, password: &str, nonce: &str) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self {
            bare: format!("n={user},r={nonce}"),
            password: password.to_owned(),
        }
    }

    /// Returns the first message.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// Returns the response to the challenge of the server; `None` if the challenge is invalid.
    pub(super) fn last(&self, challenge: &str) -> Option<String> {
        let field = |name: &str| challenge.split(',').find_map(|it| it.strip_prefix(name));
        let (nonce, salt) = (field("r=")?, BASE64.decode(field("s=")?.as_bytes()).ok()?);
        let rounds: NonZeroU32 = field("i=")?.parse().ok()?;
        if rounds.get() > MOST_ROUNDS {
            return None;
        }
        let mut salted = [0; 32];
        let password = self.password.as_bytes();
        pbkdf2::derive(PBKDF2_HMAC_SHA256, rounds, &salt, password, &mut salted);
        let sign =
            |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text.as_bytes());
        let key = sign(&salted, "Client Key");
        let stored = digest::digest(&digest::SHA256, key.as_ref());
        let last = format!("c=biws,r={nonce}");
        let signature = sign(
            stored.as_ref(),
            &format!("{},{challenge},{last}", self.bare),
        );
        let bytes = key.as_ref().iter().zip(signature.as_ref());
        let proof: Vec<u8> = bytes.map(|(key, signature)| key ^ signature).collect();
        Some(format!("{last},p={}", BASE64.encode(&proof)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7677_is_reproduced() {
        let scram = Scram::with_nonce("user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            scram.last(challenge).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(scram.last("r=x,s=?,i=1"), None);
        assert_eq!(scram.last("r=x,s=AA==,i=4000000000"), None);
    }
}
