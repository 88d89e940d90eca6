//! Resources and prompts.

use pilotlight::stack_file;
use rmcp::{
    ErrorData,
    model::{
        GetPromptResult, Prompt, PromptMessage, ReadResourceResult, Resource, ResourceContents,
        ResourceTemplate, Role,
    },
};

use super::{answer::explained, calls::Call};

const STACK: &str = "pilotlight://stack";
const SCHEMA: &str = "pilotlight://schema";
const FINDING: &str = "pilotlight://finding/";

const SCHEMA_TEXT: &str = include_str!("../../../../schema/pilotlight.schema.json");
const DIAGNOSIS: &str = include_str!("../../../../docs/diagnosis.md");

/// Name, description and text of each prompt.
const PROMPTS: [(&str, &str, &str); 3] = [
    (
        "bring_up",
        "Bring up this stack",
        "Bring up this project's stack with Pilot Light. Call `start`. While it answers `done`: false, call \
         `wait`. If a service fails, read the findings in the answer, apply `fix` where one is fixable, \
         otherwise correct the cause, and call `start` again. Report the state and the links of the services.",
    ),
    (
        "why_broken",
        "Why is it broken?",
        "Find out why this project's stack does not work. Call `diagnose`, and read the page of each finding \
         (resource `pilotlight://finding/CODE`). Look at `logs` of the affected services with `level` error \
         only if the evidence does not suffice. Explain the cause, the evidence and the remedy. Change nothing \
         before I agree.",
    ),
    (
        "write_stack_file",
        "Write a stack file for this project",
        "Write a pilotlight.toml for this project. Call `draft_stack_file`, ask me its questions, and complete \
         the text with what you know of the project. The schema is the resource `pilotlight://schema`. Check \
         the text with `check_stack_file` until it is valid, write it, and call `start`.",
    ),
];

pub(super) fn resources() -> Vec<Resource> {
    vec![
        Resource::new(STACK, "stack file").with_mime_type("application/toml"),
        Resource::new(SCHEMA, "schema of stack files").with_mime_type("application/schema+json"),
    ]
}

pub(super) fn template() -> ResourceTemplate {
    ResourceTemplate::new(format!("{FINDING}{{code}}"), "finding")
        .with_description("What a finding code means, and what helps")
}

/// Returns the text of a resource.
pub(super) async fn read(call: &Call<'_>, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let text = match uri {
        STACK => {
            let stack = call
                .stack(None)
                .await
                .and_then(|(_, file)| Ok(stack_file::text(&file)?));
            stack.map_err(|failure| ErrorData::resource_not_found(explained(&failure), None))?
        }
        SCHEMA => SCHEMA_TEXT.to_owned(),
        _ => {
            let page = uri.strip_prefix(FINDING).and_then(page);
            let unknown = || ErrorData::resource_not_found(format!("no resource {uri}"), None);
            page.ok_or_else(unknown)?.to_owned()
        }
    };
    Ok(ReadResourceResult::new(vec![ResourceContents::text(
        text, uri,
    )]))
}

/// Returns the entry of a code in docs/diagnosis.md.
fn page(code: &str) -> Option<&'static str> {
    if !code.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
        return None;
    }
    // The line may end with `\r\n`.
    let heading = format!("\n### `{code}`");
    let begin = DIAGNOSIS.find(&heading)? + 1;
    let rest = &DIAGNOSIS[begin..];
    let end = rest.find("\n##").unwrap_or(rest.len());
    Some(&rest[..end])
}

pub(super) fn prompts() -> Vec<Prompt> {
    let all = PROMPTS.iter();
    all.map(|(name, title, _)| Prompt::new(*name, Some(*title), None))
        .collect()
}

pub(super) fn prompt(name: &str) -> Result<GetPromptResult, ErrorData> {
    let known = PROMPTS.iter().find(|(known, ..)| *known == name);
    let unknown = || ErrorData::invalid_params(format!("no prompt named `{name}`"), None);
    let (_, _, text) = known.ok_or_else(unknown)?;
    let message = PromptMessage::new_text(Role::User, *text);
    Ok(GetPromptResult::new(vec![message]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_page() {
        let exited = page("exited").unwrap();
        assert!(exited.starts_with("### `exited`") && !exited.contains("silent-exit`\n"));
        assert_eq!(page("nonsense"), None);
        assert_eq!(page("exited`\n\n### `"), None);
    }
}
