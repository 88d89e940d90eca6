//! The framework that a Python application is made with.

use serde::Deserialize;

use crate::detect::{frameworks, has_word};

/// The framework of an application, which decides what can serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::detect) enum Framework {
    Fastapi,
    Starlette,
    Litestar,
    Quart,
    Flask,
    Celery,
    Streamlit,
    Gradio,
    Dash,
    Nicegui,
    Aiohttp,
    Grpc,
    /// A script that hands an application to uvicorn.
    Script,
}

impl Framework {
    /// Returns the framework's row of the table.
    pub(super) fn row(self) -> &'static frameworks::Framework {
        #[expect(
            clippy::expect_used,
            reason = "the table has a row for each, and a test asks for all"
        )]
        frameworks::TABLE
            .framework
            .iter()
            .find(|row| row.python == Some(self))
            .expect("a row of the table")
    }

    pub(super) fn package(self) -> &'static str {
        &self.row().name
    }

    /// Whether uvicorn and its like serve it.
    pub(super) fn is_asgi(self) -> bool {
        self.row().asgi
    }

    pub(super) fn is_web(self) -> bool {
        self.is_asgi() || self == Self::Flask
    }

    /// Returns the framework whose applications are of this class.
    pub(super) fn of_class(class: &str) -> Option<Self> {
        let row = frameworks::TABLE
            .framework
            .iter()
            .find(|row| has_word(&row.class, class));
        row?.python
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_framework_has_a_row() {
        for class in [
            "FastAPI",
            "Starlette",
            "Litestar",
            "Quart",
            "APIFlask",
            "Celery",
            "Dash",
        ] {
            assert!(Framework::of_class(class).unwrap().row().port.is_some());
        }
        let scripts = [
            Framework::Streamlit,
            Framework::Gradio,
            Framework::Nicegui,
            Framework::Aiohttp,
        ];
        for framework in scripts
            .into_iter()
            .chain([Framework::Grpc, Framework::Script])
        {
            assert!(framework.row().port.is_some());
        }
    }
}
