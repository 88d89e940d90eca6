//! What Python applications are made with.

/// What an application is made with, which decides what can serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Framework {
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
    pub(super) const fn package(self) -> &'static str {
        match self {
            Self::Fastapi => "fastapi",
            Self::Starlette => "starlette",
            Self::Litestar => "litestar",
            Self::Quart => "quart",
            Self::Flask => "flask",
            Self::Celery => "celery",
            Self::Streamlit => "streamlit",
            Self::Gradio => "gradio",
            Self::Dash => "dash",
            Self::Nicegui => "nicegui",
            Self::Aiohttp => "aiohttp",
            Self::Grpc => "grpcio",
            Self::Script => "uvicorn",
        }
    }

    /// As a person writes it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Fastapi => "FastAPI",
            Self::Starlette => "Starlette",
            Self::Litestar => "Litestar",
            Self::Quart => "Quart",
            Self::Flask => "Flask",
            Self::Celery => "Celery",
            Self::Streamlit => "Streamlit",
            Self::Gradio => "Gradio",
            Self::Dash => "Dash",
            Self::Nicegui => "NiceGUI",
            Self::Aiohttp => "aiohttp",
            Self::Grpc => "gRPC",
            Self::Script => "uvicorn",
        }
    }

    /// Where it listens unless told otherwise.
    pub(super) const fn usual_port(self) -> u16 {
        match self {
            Self::Fastapi | Self::Starlette | Self::Litestar | Self::Celery | Self::Script => 8000,
            Self::Quart | Self::Flask => 5000,
            Self::Streamlit => 8501,
            Self::Gradio => 7860,
            Self::Dash => 8050,
            Self::Nicegui | Self::Aiohttp => 8080,
            Self::Grpc => 50051,
        }
    }

    /// Served by uvicorn and its like.
    pub(super) const fn is_asgi(self) -> bool {
        matches!(
            self,
            Self::Fastapi | Self::Starlette | Self::Litestar | Self::Quart
        )
    }

    /// Pages for a person rather than answers for a program.
    pub(super) const fn is_page(self) -> bool {
        matches!(
            self,
            Self::Streamlit | Self::Gradio | Self::Dash | Self::Nicegui
        )
    }

    pub(super) fn of_class(class: &str) -> Option<Self> {
        Some(match class {
            "FastAPI" => Self::Fastapi,
            "Starlette" => Self::Starlette,
            "Litestar" => Self::Litestar,
            "Quart" => Self::Quart,
            "Flask" | "APIFlask" | "OpenAPI" => Self::Flask,
            "Celery" => Self::Celery,
            "Dash" => Self::Dash,
            _ => return None,
        })
    }
}
