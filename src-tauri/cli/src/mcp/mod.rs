//! `pilotlight mcp`: a server of the Model Context Protocol on standard input and output.
//!
//! It is a client of the daemon, like every other command. The tools are data (`tools.json`); a call
//! that takes long answers within 45 s with the state so far.

mod answer;
mod calls;
mod fix;
pub(crate) mod install;
mod logs;
mod pages;
mod places;

use std::{collections::HashMap, path::PathBuf, sync::Mutex, time::Instant};

use pilotlight::{control, fs::home::Home};
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt as _,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
        GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, RequestMetaObject, ServerCapabilities,
        ServerConfig, Tool,
    },
    service::{RequestContext, ServerInitializeError},
    transport::stdio_pipes,
};
use serde_json::Value;

pub(crate) use self::logs::tail as last_lines;
use self::{answer::Answer, calls::Call};
use crate::{
    context::Context,
    failure::{Ending, Failure},
};

/// The instructions that every model reads before its first call.
const INSTRUCTIONS: &str = "\
Pilot Light runs this project's services (databases, backends, frontends) and knows why they fail. Use its \
tools instead of starting servers, killing processes or polling ports with the shell: services started with \
`start` keep running between calls, have one owner, and their logs stay readable with `logs`. When something \
does not work, call `diagnose` first: it names the cause, the evidence and the remedy.";

/// The tools, as clients get them.
const TOOLS: &str = include_str!("tools.json");

/// The server of one client.
struct Server {
    home: Home,
    /// The working folder of the client.
    folder: PathBuf,
    tools: Vec<Tool>,
    /// The plans that wait for a confirmation, by code: the finding's id and the time of the plan.
    plans: Mutex<HashMap<String, (String, Instant)>>,
}

pub(crate) async fn run(context: &Context) -> Result<Ending, Failure> {
    let server = Server {
        home: context.home.clone(),
        folder: std::env::current_dir().map_err(Failure::system("find the working folder"))?,
        tools: tools()?,
        plans: Mutex::default(),
    };
    match Box::pin(server.serve(stdio_pipes())).await {
        Ok(running) => drop(running.waiting().await),
        Err(ServerInitializeError::ConnectionClosed(_)) => {}
        Err(error) => return Err(Failure::Refused(error.to_string())),
    }
    Ok(Ending::Done)
}

/// Returns the name of a client with the end of its session id, if its calls have one, as those of Codex do.
fn with_session(name: String, meta: &RequestMetaObject) -> String {
    let id = ["threadId", "sessionId"]
        .iter()
        .find_map(|key| meta.get(*key)?.as_str());
    match id {
        Some(id) => {
            let end = id.len().saturating_sub(8);
            format!("{name} ({})", &id[id.ceil_char_boundary(end)..])
        }
        None => name,
    }
}

fn tools() -> Result<Vec<Tool>, Failure> {
    serde_json::from_str(TOOLS).map_err(|error| Failure::Refused(error.to_string()))
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_prompts()
            .build();
        let own = Implementation::new("pilotlight", env!("CARGO_PKG_VERSION"));
        ServerConfig::new(capabilities)
            .with_server_info(own.with_title("Pilot Light"))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let client = context.client_info();
        let client = client.map(|it| with_session(it.title.unwrap_or(it.name), &context.meta));
        if !self.tools.iter().any(|tool| tool.name == request.name) {
            let unknown = format!("no tool named `{}`", request.name);
            return Err(ErrorData::invalid_params(unknown, None));
        }
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let call = Call {
            server: self,
            context,
        };
        let working = call.run(&request.name, arguments);
        let result = match control::on_behalf_of(client, working).await {
            Ok(Answer::Data(value)) => CallToolResult::structured(answer::capped(&value)),
            Ok(Answer::Text(text)) => CallToolResult::success(vec![ContentBlock::text(text)]),
            Err(failure) => {
                CallToolResult::error(vec![ContentBlock::text(answer::explained(&failure))])
            }
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(pages::resources()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates = vec![pages::template()];
        Ok(ListResourceTemplatesResult::with_all_items(templates))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let call = Call {
            server: self,
            context,
        };
        pages::read(&call, &request.uri).await.map(Into::into)
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(pages::prompts()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        pages::prompt(&request.name).map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_has_annotations_and_all_of_them_are_small() {
        let tools = tools().unwrap();
        for tool in &tools {
            let annotations = tool.annotations.as_ref().unwrap();
            assert!(annotations.title.is_some(), "{}", tool.name);
            let hints = (annotations.read_only_hint, annotations.open_world_hint);
            assert!(hints.0.is_some() && hints.1.is_some(), "{}", tool.name);
        }
        // A token is about four characters of English or JSON; 3,500 are the limit.
        let size = serde_json::to_string(&tools).unwrap().len();
        assert!(size < 3_500 * 7 / 2, "{size} characters");
    }
}
