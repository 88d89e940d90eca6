//! Checks that the rooms of the core only import downward, as `docs/architecture.md` describes.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The rooms with side effects, each of which may import those before it.
const LAYERS: [&str; 6] = [
    "platform",
    "effects",
    "control",
    "state",
    "supervisor",
    "app",
];

/// The pure rooms, which import none of [`LAYERS`].
const PURE: [&str; 4] = ["stack", "model", "diagnose", "knowledge"];

#[test]
fn rooms_only_import_lower_rooms() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut imports = 0;
    for file in sources(&core) {
        let text = fs::read_to_string(&file).unwrap();
        let file = file.strip_prefix(&core).unwrap();
        let room = file.iter().next().unwrap().to_str().unwrap();
        let room = room.trim_end_matches(".rs");
        let layer = LAYERS.iter().position(|layer| *layer == room);
        let highest = match layer {
            Some(layer) => layer,
            None if PURE.contains(&room) => 0,
            None => continue,
        };
        for imported in imported_rooms(&text) {
            imports += 1;
            let above = LAYERS.iter().position(|layer| *layer == imported);
            if above.is_some_and(|above| above > highest || layer.is_none()) {
                wrong.push(format!("{} imports {imported}", file.display()));
            }
        }
    }
    assert!(imports > 500, "only {imports} imports were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Returns the sources of the core, without those of its tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut sources_below = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if is_test(&path) {
            continue;
        }
        if path.is_dir() {
            sources_below.extend(sources(&path));
        } else {
            sources_below.push(path);
        }
    }
    sources_below
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name == "tests")
}

/// Returns the first segment of each `crate::…` path outside of comments: `{a::b, c}` counts as two.
fn imported_rooms(text: &str) -> Vec<String> {
    let code = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut rooms = Vec::new();
    for (_, path) in code
        .match_indices("crate::")
        .map(|(at, it)| (at, &code[at + it.len()..]))
    {
        let Some(group) = path.strip_prefix('{') else {
            rooms.push(first_segment(path));
            continue;
        };
        let mut depth = 0;
        let mut starts = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                c if starts && c.is_alphabetic() => {
                    rooms.push(first_segment(&group[at..]));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    rooms
}

fn first_segment(path: &str) -> String {
    path.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}
