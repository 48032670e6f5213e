//! An echo server on tokio: `ws://`, and with `--listen-tls ADDRESS` `wss://` over HTTP/1.1 and
//! HTTP/2 on one port, with a certificate made at the start.

mod connection;
mod http1;
mod http2;
mod patient;

use std::sync::Arc;
use std::time::Duration;

use patient::patient;
use shared::{Error, Options, options};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut listen_tls = None;
    let (options, listen) = options::parse(|name, value| {
        let is_known = name == "--listen-tls";
        if is_known {
            listen_tls = Some(value.to_owned());
        }
        is_known
    });
    let plain = bind(listen).await?;
    println!("listening on ws://{}", plain.local_addr()?);
    if let Some(address) = listen_tls {
        let (listener, acceptor) = (bind(address).await?, acceptor()?);
        println!("listening on wss://{}", listener.local_addr()?);
        tokio::spawn(accept(listener, Some(acceptor), options));
    }
    accept(plain, None, options).await;
    Ok(())
}

/// A listener, of which the connections are told early that a slow peer has taken something.
async fn bind(address: String) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(address).await?;
    // Else that is when a third of the kernel's buffer is free, which may be a megabyte.
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&listener).set_tcp_notsent_lowat(16 * 1024)?;
    Ok(listener)
}

/// TLS with a certificate that nobody signed, which a client must be told to trust.
fn acceptor() -> Result<TlsAcceptor, Error> {
    let own = rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()])?;
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der())?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, options: Options) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of files, most likely: let some connections end.
                shared::log(format_args!("accept: {error}"));
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let tls = tls.clone();
        tokio::spawn(async move {
            // A task is as large as the largest that it may wait for, unless that is in a box.
            let served = match tls {
                None => serve_plain(stream, &options).await,
                Some(tls) => Box::pin(serve_tls(stream, &tls, &options)).await,
            };
            if let Err(error) = served {
                shared::log(format_args!("{peer}: {error}"));
            }
        });
    }
}

async fn serve_plain(mut stream: TcpStream, options: &Options) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let opened = Box::pin(http1::open(&mut stream, options)).await?;
    let Some(opened) = opened else { return Ok(()) };
    let (reader, writer) = stream.into_split();
    connection::echo(opened, reader, patient(writer, options), options).await
}

async fn serve_tls(stream: TcpStream, tls: &TlsAcceptor, options: &Options) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let accepted = tls.accept(patient(stream, options));
    let mut stream = timeout(options.handshake_timeout, accepted).await??;
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        return http2::serve(stream, options).await;
    }
    let opened = Box::pin(http1::open(&mut stream, options)).await?;
    let Some(opened) = opened else { return Ok(()) };
    // Both halves of TLS share its state: the lock in here is TLS's, not ours.
    let (reader, writer) = tokio::io::split(stream);
    connection::echo(opened, reader, writer, options).await
}

#[cfg(test)]
mod tests;
