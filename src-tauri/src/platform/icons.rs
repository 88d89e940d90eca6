//! The tray icons, in the sizes of panels.

use pilotlight::model::view::Light;
use tauri::{image::Image, include_image};

/// Returns the icons of a light, from small to large.
pub(super) fn of(light: Light) -> &'static [Image<'static>] {
    match light {
        Light::Off => &OFF,
        Light::Amber => &AMBER,
        Light::Green => &GREEN,
        Light::Red => &RED,
    }
}

static OFF: [Image<'static>; 5] = [
    include_image!("./icons/tray/off-16.png"),
    include_image!("./icons/tray/off-22.png"),
    include_image!("./icons/tray/off-24.png"),
    include_image!("./icons/tray/off-32.png"),
    include_image!("./icons/tray/off-48.png"),
];

static AMBER: [Image<'static>; 5] = [
    include_image!("./icons/tray/amber-16.png"),
    include_image!("./icons/tray/amber-22.png"),
    include_image!("./icons/tray/amber-24.png"),
    include_image!("./icons/tray/amber-32.png"),
    include_image!("./icons/tray/amber-48.png"),
];

static GREEN: [Image<'static>; 5] = [
    include_image!("./icons/tray/green-16.png"),
    include_image!("./icons/tray/green-22.png"),
    include_image!("./icons/tray/green-24.png"),
    include_image!("./icons/tray/green-32.png"),
    include_image!("./icons/tray/green-48.png"),
];

static RED: [Image<'static>; 5] = [
    include_image!("./icons/tray/red-16.png"),
    include_image!("./icons/tray/red-22.png"),
    include_image!("./icons/tray/red-24.png"),
    include_image!("./icons/tray/red-32.png"),
    include_image!("./icons/tray/red-48.png"),
];
