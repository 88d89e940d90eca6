//! A virtual screen.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, BufWriter},
    path::Path,
    process::{Child, Command, Stdio},
};

use x11rb::{
    CURRENT_TIME,
    connection::Connection as _,
    protocol::xproto::{
        AtomEnum, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ClientMessageEvent, ConfigureWindowAux,
        ConnectionExt as _, EventMask, ImageFormat, InputFocus, KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
        MOTION_NOTIFY_EVENT, MapState, Window,
    },
    protocol::xtest::ConnectionExt as _,
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

/// The character of Ctrl+A.
pub const SELECT_ALL: char = '\u{1}';

const WIDTH: u16 = 1280;
const HEIGHT: u16 = 900;

/// An X server without a monitor, which exits on drop.
pub struct Display {
    server: Child,
    name: String,
    connection: RustConnection,
}

/// An image of a screen: rows of pixels, each with four bytes for blue, green, red and padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture(Vec<u8>);

impl Display {
    /// Starts a screen of 1280 by 900 pixels with a free number.
    #[must_use]
    pub fn start() -> Self {
        let size = format!("{WIDTH}x{HEIGHT}x24");
        let mut server = Command::new("Xvfb")
            // Without -noreset it resets whenever its last client disconnects.
            .args(["-displayfd", "1", "-screen", "0", &size])
            .args(["-noreset", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb");
        let mut number = String::new();
        let output = server.stdout.take().expect("its output");
        BufReader::new(output)
            .read_line(&mut number)
            .expect("the number of the screen");
        let name = format!(":{}", number.trim());
        let (connection, _) = RustConnection::connect(Some(&name)).expect("the screen");
        Self {
            server,
            name,
            connection,
        }
    }

    /// Returns the value for `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of visible windows with this text in their title.
    #[must_use]
    pub fn windows(&self, title: &str) -> usize {
        self.visible(title).len()
    }

    /// Closes the windows with this text in their title, as a click on their close button does.
    pub fn close_window(&self, title: &str) {
        let atom = |name: &[u8]| {
            let atom = self
                .connection
                .intern_atom(false, name)
                .expect("the screen");
            atom.reply().expect("an atom").atom
        };
        let (protocols, delete) = (atom(b"WM_PROTOCOLS"), atom(b"WM_DELETE_WINDOW"));
        let windows = self.visible(title);
        assert!(!windows.is_empty(), "no window {title}");
        for window in windows {
            let message = ClientMessageEvent::new(32, window, protocols, [delete, 0, 0, 0, 0]);
            let sent = self
                .connection
                .send_event(false, window, EventMask::NO_EVENT, message);
            sent.expect("the screen")
                .check()
                .expect("a message to the window");
        }
    }

    /// Moves the windows with this text in their title.
    pub fn move_window(&self, title: &str, x: i32, y: i32) {
        let place = ConfigureWindowAux::new().x(x).y(y);
        for window in self.visible(title) {
            let moved = self.connection.configure_window(window, &place);
            moved
                .expect("the screen")
                .check()
                .expect("the window moves");
        }
    }

    /// Moves the mouse, and presses and releases a button: 1 is the left one, 3 the right one.
    pub fn click(&self, (x, y): (i16, i16), button: u8) {
        let fake = |kind, detail, x, y| {
            let input = self
                .connection
                .xtest_fake_input(kind, detail, 0, self.root(), x, y, 0);
            input.expect("the screen").check().expect("a click");
        };
        fake(MOTION_NOTIFY_EVENT, 0, x, y);
        fake(BUTTON_PRESS_EVENT, button, 0, 0);
        fake(BUTTON_RELEASE_EVENT, button, 0, 0);
    }

    /// Types a text into the window with this text in its title. A line break is the Enter key, and
    /// [`SELECT_ALL`] is Ctrl+A.
    pub fn type_into(&self, title: &str, text: &str) {
        let windows = self.visible(title);
        let window = *windows.first().expect("a window to type into");
        // Without a window manager, nothing else gives it the focus.
        let focus = self
            .connection
            .set_input_focus(InputFocus::PARENT, window, CURRENT_TIME);
        focus.expect("the screen").check().expect("the focus");
        let keyboard = Keyboard::of(&self.connection);
        let fake = |kind, key| {
            let input = self
                .connection
                .xtest_fake_input(kind, key, 0, self.root(), 0, 0, 0);
            input.expect("the screen").check().expect("a key");
        };
        for character in text.chars() {
            let (symbol, with) = match character {
                '\n' => (ENTER, None),
                SELECT_ALL => (u32::from('a'), Some(CONTROL)),
                _ => (u32::from(character), None),
            };
            let (key, shifted) = keyboard.key(symbol);
            let with = with.or(shifted.then_some(SHIFT));
            let with = with.map(|symbol| keyboard.key(symbol).0);
            if let Some(with) = with {
                fake(KEY_PRESS_EVENT, with);
            }
            fake(KEY_PRESS_EVENT, key);
            fake(KEY_RELEASE_EVENT, key);
            if let Some(with) = with {
                fake(KEY_RELEASE_EVENT, with);
            }
        }
    }

    /// Returns an image of the screen.
    #[must_use]
    pub fn picture(&self) -> Picture {
        let all = u32::MAX;
        let image = self
            .connection
            .get_image(ImageFormat::Z_PIXMAP, self.root(), 0, 0, WIDTH, HEIGHT, all)
            .expect("the screen");
        Picture(image.reply().expect("a picture").data)
    }

    fn root(&self) -> Window {
        self.connection.setup().roots[0].root
    }

    fn visible(&self, title: &str) -> Vec<Window> {
        self.connection.sync().expect("the screen");
        let tree = self.connection.query_tree(self.root()).expect("the screen");
        let windows = tree.reply().expect("its windows").children;
        let is_it = |window: &Window| {
            self.is_visible(*window).unwrap_or(false)
                && self
                    .title(*window)
                    .is_some_and(|found| found.contains(title))
        };
        windows.into_iter().filter(is_it).collect()
    }

    /// Returns `None` if the window has just been closed.
    fn is_visible(&self, window: Window) -> Option<bool> {
        let attributes = self
            .connection
            .get_window_attributes(window)
            .ok()?
            .reply()
            .ok()?;
        Some(attributes.map_state == MapState::VIEWABLE)
    }

    fn title(&self, window: Window) -> Option<String> {
        let property =
            self.connection
                .get_property(false, window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 1024);
        let value = property.ok()?.reply().ok()?.value;
        Some(String::from_utf8_lossy(&value).into_owned())
    }
}

/// Returns the keysyms of each key. For ASCII they are the same numbers.
struct Keyboard {
    first: u8,
    per_key: usize,
    symbols: Vec<u32>,
}

const ENTER: u32 = 0xff0d;
const SHIFT: u32 = 0xffe1;
const CONTROL: u32 = 0xffe3;

impl Keyboard {
    fn of(connection: &RustConnection) -> Self {
        let setup = connection.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = connection
            .get_keyboard_mapping(first, last - first + 1)
            .expect("the screen");
        let mapping = mapping.reply().expect("a keyboard");
        Self {
            first,
            per_key: mapping.keysyms_per_keycode.into(),
            symbols: mapping.keysyms,
        }
    }

    /// Returns the key with this keysym, and whether it needs shift.
    fn key(&self, symbol: u32) -> (u8, bool) {
        let of_a_key = |symbols: &[u32]| symbols.iter().take(2).position(|found| *found == symbol);
        let mut keys = (self.first..).zip(self.symbols.chunks(self.per_key));
        let found = keys.find_map(|(key, symbols)| Some((key, of_a_key(symbols)? == 1)));
        found.unwrap_or_else(|| panic!("no key has the keysym {symbol:#x}"))
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Picture {
    /// Returns the centre of all pixels of this colour (red, green, blue) in its first rows; `None` without one.
    #[must_use]
    pub fn middle_of(&self, [red, green, blue]: [u8; 3], rows: u16) -> Option<(i16, i16)> {
        let rows = self
            .0
            .chunks_exact(usize::from(WIDTH) * 4)
            .take(rows.into());
        let places = rows.enumerate().flat_map(|(y, row)| {
            let pixels = row.chunks_exact(4).enumerate();
            let of_colour = pixels.filter(move |(_, pixel)| pixel[..3] == [blue, green, red]);
            of_colour.map(move |(x, _)| (x, y))
        });
        let (xs, ys): (Vec<_>, Vec<_>) = places.unzip();
        let middle =
            |all: &[usize]| i16::try_from(all.iter().sum::<usize>() / all.len().max(1)).ok();
        if xs.is_empty() {
            return None;
        }
        Some((middle(&xs)?, middle(&ys)?))
    }

    /// Returns the share of pixels whose colour differs from the other image.
    #[must_use]
    pub fn difference(&self, other: &Self) -> f64 {
        let pairs = self.0.chunks_exact(4).zip(other.0.chunks_exact(4));
        let different = pairs.filter(|(one, other)| one[..3] != other[..3]).count();
        share(different, self.0.len() / 4)
    }

    /// Returns the share of pixels with this colour (red, green, blue).
    #[must_use]
    pub fn share_of(&self, [red, green, blue]: [u8; 3]) -> f64 {
        let pixels = self.0.chunks_exact(4);
        let of_colour = pixels
            .filter(|pixel| pixel[..3] == [blue, green, red])
            .count();
        share(of_colour, self.0.len() / 4)
    }

    /// Writes the image to a file.
    pub fn save(&self, file: &Path) {
        let file = BufWriter::new(File::create(file).expect("a file"));
        let mut encoder = png::Encoder::new(file, WIDTH.into(), HEIGHT.into());
        encoder.set_color(png::ColorType::Rgb);
        let pixels = self
            .0
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]);
        let mut writer = encoder.write_header().expect("a picture");
        writer
            .write_image_data(&pixels.collect::<Vec<_>>())
            .expect("its pixels");
    }
}

fn share(part: usize, whole: usize) -> f64 {
    let number = |count: usize| u32::try_from(count).map_or(f64::MAX, f64::from);
    number(part) / number(whole)
}
