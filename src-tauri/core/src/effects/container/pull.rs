//! The progress of a pull, from what the engine tells of each layer.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::model::memory::size;

/// The layers of an image that is being pulled.
#[derive(Default)]
pub(super) struct Layers(BTreeMap<String, Layer>);

#[derive(Default)]
struct Layer {
    is_done: bool,
    bytes: u64,
    total: u64,
}

impl Layers {
    /// Takes in a line of the engine.
    pub(super) fn update(&mut self, line: &Value) {
        let (Some(id), Some(status)) = (line["id"].as_str(), line["status"].as_str()) else {
            return;
        };
        if matches!(status, "Pulling fs layer" | "Already exists") {
            self.0.entry(id.to_owned()).or_default();
        }
        let Some(layer) = self.0.get_mut(id) else {
            return;
        };
        let progress = &line["progressDetail"];
        if status == "Downloading" {
            layer.bytes = progress["current"].as_u64().unwrap_or(layer.bytes);
            layer.total = progress["total"].as_u64().unwrap_or(layer.total);
        } else if status != "Waiting" {
            layer.bytes = layer.total;
        }
        layer.is_done |= matches!(status, "Pull complete" | "Already exists");
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers = self.0.values();
        let done = layers.clone().filter(|layer| layer.is_done).count();
        let bytes = layers.clone().map(|layer| layer.bytes).sum();
        let total = layers.map(|layer| layer.total).sum();
        write!(f, "{done} of {} layers", self.0.len())?;
        if total > 0 {
            write!(f, ", {} of {}", size(bytes), size(total))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_and_the_layers_of_a_pull_are_counted() {
        // Lines of Docker 20.10.24.
        let lines = r#"
{"status":"Pulling from local/redis","id":"7"}
{"status":"Pulling fs layer","progressDetail":{},"id":"63f27d2b8b4e"}
{"status":"Already exists","progressDetail":{},"id":"0d1c2f3e4a5b"}
{"status":"Downloading","progressDetail":{"current":531441,"total":52140000},"progress":"[>  ]","id":"63f27d2b8b4e"}
{"status":"Downloading","progressDetail":{"current":41000000,"total":52140000},"progress":"[=> ]","id":"63f27d2b8b4e"}"#;
        let mut layers = Layers::default();
        for line in lines.trim().lines() {
            layers.update(&serde_json::from_str(line).unwrap());
        }
        assert_eq!(layers.to_string(), "1 of 2 layers, 41 MB of 52 MB");
        let done = r#"{"status":"Pull complete","progressDetail":{},"id":"63f27d2b8b4e"}"#;
        layers.update(&serde_json::from_str(done).unwrap());
        assert_eq!(layers.to_string(), "2 of 2 layers, 52 MB of 52 MB");
    }
}
