//! One file an implementation.

mod ours;
mod tokio_websockets;
mod tungstenite;
mod wsproto;

pub use self::ours::ours;
pub use self::tokio_websockets::tokio_websockets;
pub use self::tungstenite::tungstenite;
pub use self::wsproto::Wsproto;
