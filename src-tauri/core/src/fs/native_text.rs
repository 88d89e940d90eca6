//! Native text (paths, variables) in JSON without loss: a string if it is Unicode, otherwise the
//! native units (`{"Unix":[…]}`, `{"Windows":[…]}`).
//!
//! For a field: `#[serde(with = "crate::fs::native_text")]`.

use std::ffi::{OsStr, OsString};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Native text as a complete value in a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NativeText(#[serde(with = "self")] pub(crate) OsString);

pub(crate) fn serialize<T: AsRef<OsStr>, S: Serializer>(
    text: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = text.as_ref();
    match text.to_str() {
        Some(unicode) => unicode.serialize(serializer),
        None => text.serialize(serializer),
    }
}

pub(crate) fn deserialize<'de, T: From<OsString>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Unicode(String),
        Native(OsString),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Unicode(text) => OsString::from(text).into(),
        Either::Native(text) => text.into(),
    })
}

/// The same for an optional path.
pub(crate) mod optional {
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::NativeText;

    #[expect(
        clippy::ref_option,
        reason = "serde gives the field to `with` functions by reference"
    )]
    pub(crate) fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        path.as_ref()
            .map(|path| NativeText(path.clone().into()))
            .serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        let text = Option::<NativeText>::deserialize(deserializer)?;
        Ok(text.map(|NativeText(text)| text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::NativeText;

    #[test]
    fn unicode_is_a_string() {
        let json = serde_json::to_string(&NativeText("Zürich ☀".into())).unwrap();
        assert_eq!(json, r#""Zürich ☀""#);
        let NativeText(back) = serde_json::from_str(&json).unwrap();
        assert_eq!(back, "Zürich ☀");
    }
}
