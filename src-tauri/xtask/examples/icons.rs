//! Renders `icons/**/*.svg` into the given folder, for the app, its bundles and its tray.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use icns::{IconFamily, IconType, PixelFormat};
use ico::{IconDir, IconDirEntry, IconImage, ResourceType};
use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree},
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The names and sizes that Tauri's bundler needs.
const APP: [(&str, u32); 4] = [
    ("32x32.png", 32),
    ("128x128.png", 128),
    ("128x128@2x.png", 256),
    ("icon.png", 512),
];
/// The sizes of Windows: for lists, the taskbar and large icons, at its usual scalings.
const ICO: [u32; 9] = [16, 20, 24, 32, 40, 48, 64, 128, 256];
const ICNS: [IconType; 10] = [
    IconType::RGBA32_16x16,
    IconType::RGBA32_16x16_2x,
    IconType::RGBA32_32x32,
    IconType::RGBA32_32x32_2x,
    IconType::RGBA32_128x128,
    IconType::RGBA32_128x128_2x,
    IconType::RGBA32_256x256,
    IconType::RGBA32_256x256_2x,
    IconType::RGBA32_512x512,
    IconType::RGBA32_512x512_2x,
];
/// The share of its square that an icon fills on macOS; the margin is for the shadow.
const MACOS_SHARE: f32 = 824.0 / 1024.0;
const LIGHTS: [&str; 4] = ["off", "amber", "green", "red"];
/// The sizes of panels: 16 on Windows, 22 and 24 on Linux, and twice that on dense screens.
const TRAY: [u32; 6] = [16, 22, 24, 32, 44, 48];

fn main() -> Result {
    let into = PathBuf::from(env::args_os().nth(1).ok_or("no folder is given")?);
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../icons");
    fs::create_dir_all(into.join("tray"))?;

    let app = read(&sources.join("app.svg"))?;
    for (name, size) in APP {
        fs::write(into.join(name), draw(&app, size, 1.0)?.encode_png()?)?;
    }
    fs::write(into.join("icon.ico"), windows(&app)?)?;
    fs::write(into.join("icon.icns"), macos(&app)?)?;

    for light in LIGHTS {
        let source = read(&sources.join(format!("tray/{light}.svg")))?;
        for size in TRAY {
            let png = draw(&source, size, 1.0)?.encode_png()?;
            fs::write(into.join(format!("tray/{light}-{size}.png")), png)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Tree> {
    Ok(Tree::from_data(&fs::read(path)?, &Options::default())?)
}

/// Returns a square picture of the drawing, which fills this share of each side.
fn draw(icon: &Tree, size: u32, share: f32) -> Result<Pixmap> {
    let mut picture = Pixmap::new(size, size).ok_or("an icon has a size")?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "icons are at most 1024 pixels wide"
    )]
    let pixels = size as f32;
    let scale = pixels * share / icon.size().width();
    let margin = pixels * (1.0 - share) / 2.0;
    let place = Transform::from_scale(scale, scale).post_translate(margin, margin);
    resvg::render(icon, place, &mut picture.as_mut());
    Ok(picture)
}

fn windows(icon: &Tree) -> Result<Vec<u8>> {
    let mut folder = IconDir::new(ResourceType::Icon);
    for size in ICO {
        let pixels = draw(icon, size, 1.0)?.take_demultiplied();
        let image = IconImage::from_rgba_data(size, size, pixels);
        folder.add_entry(IconDirEntry::encode(&image)?);
    }
    let mut bytes = Vec::new();
    folder.write(&mut bytes)?;
    Ok(bytes)
}

fn macos(icon: &Tree) -> Result<Vec<u8>> {
    let mut family = IconFamily::new();
    for kind in ICNS {
        let size = kind.pixel_width();
        let pixels = draw(icon, size, MACOS_SHARE)?.take_demultiplied();
        let image = icns::Image::from_data(PixelFormat::RGBA, size, size, pixels)?;
        family.add_icon_with_type(&image, kind)?;
    }
    let mut bytes = Vec::new();
    family.write(&mut bytes)?;
    Ok(bytes)
}
