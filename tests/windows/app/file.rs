//! The program file: its header and manifest.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use object::{
    LittleEndian,
    pe::{IMAGE_SUBSYSTEM_WINDOWS_GUI, RT_MANIFEST},
    read::pe::{ImageNtHeaders as _, ImageOptionalHeader as _, PeFile64, ResourceDirectory},
};

use super::PROGRAM;

/// The number of the resource that contains the manifest of a program.
const OF_A_PROGRAM: u16 = 1;

#[test]
fn the_program_has_no_console() {
    let bytes = fs::read(PROGRAM).expect("the program");
    let file = PeFile64::parse(&*bytes).expect("a program for a 64-bit Windows");
    let subsystem = file.nt_headers().optional_header().subsystem();
    assert_eq!(subsystem, IMAGE_SUBSYSTEM_WINDOWS_GUI);
}

#[test]
fn its_manifest_enables_high_dpi_long_paths_and_utf_8() {
    let bytes = fs::read(PROGRAM).expect("the program");
    let manifest = manifest(&bytes).expect("a manifest");
    for wanted in [
        ">PerMonitorV2, PerMonitor</dpiAwareness>",
        ">true</longPathAware>",
        ">UTF-8</activeCodePage>",
        "level=\"asInvoker\"",
        "name=\"Microsoft.Windows.Common-Controls\" version=\"6.0.0.0\"",
    ] {
        assert!(manifest.contains(wanted), "{wanted} is not in {manifest}");
    }
}

/// The output goes to a file: a pipe would stay open as long as the desktop that Wine starts with the first program
/// that can have windows.
#[test]
fn it_loads_and_prints_its_version() {
    let program = Path::new(PROGRAM).canonicalize().expect("the program");
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let status = Command::new(program)
        .arg("--version")
        .stdout(File::create(&said).expect("a file"))
        .status()
        .expect("the program runs");
    let version = fs::read_to_string(said).expect("the file");
    assert!(status.success(), "{status}\n{version}");
    assert_eq!(
        version.trim(),
        concat!("pilot-light ", env!("CARGO_PKG_VERSION"))
    );
}

/// Returns the manifest, which Windows finds by kind and number, in any language.
fn manifest(bytes: &[u8]) -> Option<String> {
    let file = PeFile64::parse(bytes).ok()?;
    let sections = file.section_table();
    let directories = file.data_directories();
    let resources: ResourceDirectory<'_> =
        directories.resource_directory(bytes, &sections).ok()??;
    let by_number = |number: u16| {
        move |entry: &&object::pe::ImageResourceDirectoryEntry| {
            entry.name_or_id().id() == Some(number)
        }
    };
    let manifests = resources.root().ok()?;
    let manifests = manifests.entries.iter().find(by_number(RT_MANIFEST))?;
    let manifests = manifests.data(resources).ok()?.table()?;
    let own = manifests.entries.iter().find(by_number(OF_A_PROGRAM))?;
    let languages = own.data(resources).ok()?.table()?;
    let data = languages.entries.first()?.data(resources).ok()?.data()?;
    let start = data.offset_to_data.get(LittleEndian);
    let size = usize::try_from(data.size.get(LittleEndian)).ok()?;
    let text = sections.pe_data_at(bytes, start)?.get(..size)?;
    String::from_utf8(text.to_vec()).ok()
}
