//! Files: where they are, how they are read and replaced, and what of their text may be shown.

pub(crate) mod fingerprint;
pub mod home;
pub(crate) mod native_text;
pub mod project_file;
pub mod quarantine;
pub mod redact;
pub(crate) mod replace;
