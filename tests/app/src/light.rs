//! Recognizes the light of an icon by its pixels.

use std::{fs::File, io::BufReader, path::Path, sync::OnceLock};

/// The light of a tray icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "these are the four lights")]
pub enum Light {
    Off,
    Amber,
    Green,
    Red,
}

/// An image of the tray protocol: width, height, and four bytes for each pixel, alpha first.
pub type Pixmap = (i32, i32, Vec<u8>);

const ALL: [(Light, &str); 4] = [
    (Light::Off, "off"),
    (Light::Amber, "amber"),
    (Light::Green, "green"),
    (Light::Red, "red"),
];
const SIZES: [u32; 6] = [16, 22, 24, 32, 44, 48];

impl Light {
    /// Returns the light whose drawing equals this image; `None` if no or several lights do.
    #[must_use]
    pub fn of(pixmaps: &[Pixmap]) -> Option<Self> {
        let lights: Vec<_> = pixmaps.iter().map(one).collect();
        let first = *lights.first()?;
        lights
            .iter()
            .all(|light| *light == first)
            .then_some(first)?
    }
}

fn one(pixmap: &Pixmap) -> Option<Light> {
    static DRAWN: OnceLock<Vec<(Light, Pixmap)>> = OnceLock::new();
    let drawn = DRAWN.get_or_init(drawn);
    let found = drawn.iter().find(|(_, drawing)| drawing == pixmap);
    found.map(|(light, _)| *light)
}

fn drawn() -> Vec<(Light, Pixmap)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../icons/tray");
    let all = ALL.into_iter().flat_map(|(light, name)| {
        let folder = folder.clone();
        SIZES.map(move |size| (light, read(&folder.join(format!("{name}-{size}.png")))))
    });
    all.collect()
}

fn read(path: &Path) -> Pixmap {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut decoder = png::Decoder::new(BufReader::new(file));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().expect("a picture");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a small picture")];
    let frame = reader.next_frame(&mut pixels).expect("its pixels");
    assert_eq!(frame.color_type, png::ColorType::Rgba, "{}", path.display());
    for pixel in pixels.chunks_exact_mut(4) {
        pixel.rotate_right(1);
    }
    let side = |pixels: u32| i32::try_from(pixels).expect("a small picture");
    (side(frame.width), side(frame.height), pixels)
}
