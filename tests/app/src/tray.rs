//! The tray of a desktop: icons register with it, and it reads their state.
#![expect(
    clippy::used_underscore_binding,
    clippy::unused_self,
    reason = "the protocols have unused arguments and answers"
)]

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use zbus::{
    blocking::{Connection, Proxy, fdo::DBusProxy},
    message::Header,
    names::BusName,
    object_server::SignalEmitter,
    zvariant::OwnedObjectPath,
};

use crate::{
    bus::Bus,
    light::{Light, Pixmap},
    menu::Menu,
    seen::Seen,
    until,
};

const NAME: &str = "org.kde.StatusNotifierWatcher";
const PATH: &str = "/StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";

/// The watcher with which icons register, and the host that shows them. It leaves the bus on drop.
pub struct Tray {
    connection: Connection,
    items: Arc<Mutex<Vec<Address>>>,
    arrivals: Seen<String>,
}

/// The address of an icon on the bus.
#[derive(Clone)]
struct Address {
    name: String,
    path: String,
}

struct Watcher {
    items: Arc<Mutex<Vec<Address>>>,
    arrivals: Seen<String>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    async fn register_status_notifier_item(
        &self,
        service: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<()> {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        // A path without a name is on the connection of the caller.
        let address = if service.starts_with('/') {
            Address {
                name: sender,
                path: service.to_owned(),
            }
        } else {
            Address {
                name: service.to_owned(),
                path: "/StatusNotifierItem".to_owned(),
            }
        };
        let name = format!("{}{}", address.name, address.path);
        self.items
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(address);
        self.arrivals.add(name.clone());
        emitter
            .connection()
            .emit_signal(
                None::<&str>,
                PATH,
                NAME,
                "StatusNotifierItemRegistered",
                &name,
            )
            .await?;
        Ok(())
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items
            .iter()
            .map(|item| format!("{}{}", item.name, item.path))
            .collect()
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

impl Tray {
    /// Starts an empty tray on this bus.
    #[must_use]
    pub fn start(bus: &Bus) -> Self {
        let items = Arc::default();
        let arrivals = Seen::default();
        let watcher = Watcher {
            items: Arc::clone(&items),
            arrivals: arrivals.clone(),
        };
        let connection = bus
            .builder()
            .serve_at(PATH, watcher)
            .and_then(|builder| builder.name(NAME))
            .and_then(zbus::blocking::connection::Builder::build)
            .expect("a tray on the bus");
        Self {
            connection,
            items,
            arrivals,
        }
    }

    /// Returns the names of the icons that have registered, with the times.
    #[must_use]
    pub fn arrivals(&self) -> &Seen<String> {
        &self.arrivals
    }

    /// Returns the number of icons whose programs are still running.
    #[must_use]
    pub fn count(&self) -> usize {
        self.living().len()
    }

    /// Waits for an icon and returns it.
    #[must_use]
    pub fn icon(&self) -> Icon {
        let address = until("an icon in the tray", || self.living().pop());
        Icon::new(&self.connection, &address)
    }

    fn living(&self) -> Vec<Address> {
        let bus = DBusProxy::new(&self.connection).expect("the bus");
        let mut living = self
            .items
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        living.retain(|item| {
            let name = BusName::try_from(item.name.as_str()).expect("a name on the bus");
            bus.name_has_owner(name).is_ok_and(|owned| owned)
        });
        living
    }
}

impl Drop for Tray {
    fn drop(&mut self) {
        // Clones of the connection may remain, but the name must be released.
        let _ = self.connection.release_name(NAME);
    }
}

/// The tray icon of a program.
#[derive(Clone)]
pub struct Icon {
    item: Proxy<'static>,
    lights: Seen<Option<Light>>,
}

impl fmt::Debug for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Icon")
            .field("lights", &self.lights.all())
            .finish_non_exhaustive()
    }
}

impl Icon {
    fn new(connection: &Connection, address: &Address) -> Self {
        let item: Proxy<'static> = zbus::blocking::proxy::Builder::new(connection)
            .destination(address.name.clone())
            .and_then(|builder| builder.path(address.path.clone()))
            .and_then(|builder| builder.interface(ITEM))
            .map(|builder| builder.cache_properties(zbus::proxy::CacheProperties::No))
            .and_then(zbus::blocking::proxy::Builder::build)
            .expect("the icon");
        let icon = Self {
            item,
            lights: Seen::default(),
        };
        icon.watch();
        icon
    }

    /// Records every light that the icon announces, until its program exits.
    fn watch(&self) {
        let changes = self
            .item
            .receive_signal("NewIcon")
            .expect("changes of the icon");
        self.lights.add(self.light());
        let icon = self.clone();
        thread::spawn(move || {
            for _ in changes {
                icon.lights.add(icon.light());
            }
        });
    }

    /// Returns its light. All sizes must show the same light.
    #[must_use]
    pub fn light(&self) -> Option<Light> {
        Light::of(&self.pixmaps())
    }

    /// Returns its images.
    #[must_use]
    pub fn pixmaps(&self) -> Vec<Pixmap> {
        self.item.get_property("IconPixmap").unwrap_or_default()
    }

    /// Returns the lights that it has announced, with the times.
    #[must_use]
    pub fn lights(&self) -> &Seen<Option<Light>> {
        &self.lights
    }

    /// Waits until it announces this light, from announcement number `from` on, and returns the time.
    #[expect(clippy::must_use_candidate, reason = "most callers only wait")]
    pub fn until_light(&self, from: usize, light: Light) -> Instant {
        let what = format!("{light:?} in the tray");
        let seen = self.lights.first(from, &what, |seen| *seen == Some(light));
        seen.at
    }

    /// Waits until it shows this light now.
    pub fn until_shows(&self, light: Light) {
        until(
            &format!("{light:?} in the tray; lights: {:?}", self.lights.all()),
            || (self.light() == Some(light)).then_some(()),
        );
    }

    /// Returns its tooltip: the title and the text below.
    #[must_use]
    pub fn tooltip(&self) -> String {
        type ToolTip = (String, Vec<Pixmap>, String, String);
        let tooltip: ToolTip = self.item.get_property("ToolTip").expect("a tooltip");
        format!("{}\n{}", tooltip.2, tooltip.3).trim().to_owned()
    }

    /// Clicks it with the left button.
    pub fn click(&self) {
        let _: () = self
            .item
            .call("Activate", &(10, 10))
            .expect("a click on the icon");
    }

    /// Returns its menu.
    #[must_use]
    pub fn menu(&self) -> Menu {
        let path: OwnedObjectPath = self.item.get_property("Menu").expect("a menu");
        let destination = self.item.destination().to_owned();
        Menu::new(self.item.connection(), &destination, path)
    }
}
