//! Files: their locations, safe reading and replacing, and redaction.

pub mod checkout;
pub(crate) mod fingerprint;
pub mod home;
pub(crate) mod native_text;
pub mod project_file;
pub mod quarantine;
pub mod redact;
pub(crate) mod replace;
