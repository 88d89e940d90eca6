//! TLS for `https:`, `wss:` and `rediss:`. It uses no memory before its first use.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use rustls_platform_verifier::Verifier;
use tokio::{net::TcpStream, sync::OnceCell, task};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::connection;
use crate::model::facts::ProbeFaultKind;

/// The TLS configurations.
#[derive(Debug, Default)]
pub(super) struct Tls {
    loopback: OnceCell<Arc<ClientConfig>>,
    verified: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    /// Adds TLS to `stream`. The server must prove that it is `name`, unless it runs on this
    /// machine, where developers use self-signed certificates.
    pub(super) async fn secure(
        &self,
        stream: TcpStream,
        name: String,
    ) -> Result<TlsStream<TcpStream>, ProbeFaultKind> {
        let peer = stream.peer_addr().map_err(|e| connection::fault(&e))?;
        let config = if peer.ip().is_loopback() {
            let unverified = || async { configure(|provider| Ok(AnyCertificate(provider))) };
            self.loopback.get_or_try_init(unverified).await
        } else {
            self.verified.get_or_try_init(verified).await
        };
        let config = config.map_err(|error| ProbeFaultKind::Tls(error.to_string()))?;
        shake_hands(config.clone(), stream, name).await
    }
}

async fn shake_hands(
    config: Arc<ClientConfig>,
    stream: TcpStream,
    name: String,
) -> Result<TlsStream<TcpStream>, ProbeFaultKind> {
    let name =
        ServerName::try_from(name).map_err(|error| ProbeFaultKind::Address(error.to_string()))?;
    let handshake = TlsConnector::from(config).connect(name, stream);
    handshake.await.map_err(|error| match error.get_ref() {
        Some(inner) => match inner.downcast_ref() {
            // The server did not understand the handshake.
            Some(Error::InvalidMessage(_)) => ProbeFaultKind::Tls(
                "the server does not speak TLS: use the scheme without TLS".into(),
            ),
            Some(error) => ProbeFaultKind::Tls(error.to_string()),
            None => connection::fault(&error),
        },
        None => connection::fault(&error),
    })
}

/// Returns a configuration that uses the certificates of the operating system. On Linux that reads
/// a folder of certificates.
async fn verified() -> Result<Arc<ClientConfig>, Error> {
    let read = task::spawn_blocking(|| configure(Verifier::new)).await;
    read.unwrap_or_else(|panic| Err(Error::General(panic.to_string())))
}

fn configure<V: ServerCertVerifier + 'static>(
    verifier: impl FnOnce(Arc<CryptoProvider>) -> Result<V, Error>,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier(provider)?))
        .with_no_client_auth();
    // Every probe performs a full handshake, since that is what it tests.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Accepts every certificate, but verifies that the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Performs the handshake with a server that has a self-signed certificate.
    async fn meet(config: Arc<ClientConfig>) -> Result<(), ProbeFaultKind> {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = async {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(Arc::new(server))
                .accept(stream)
                .await
                .is_ok()
        };
        let asked = async {
            let stream = TcpStream::connect(address).await.unwrap();
            shake_hands(config, stream, "localhost".into())
                .await
                .map(drop)
        };
        let (_, outcome) = tokio::join!(accepting, asked);
        outcome
    }

    #[tokio::test]
    async fn an_untrusted_certificate_is_rejected_on_other_machines() {
        let config = verified().await.unwrap();
        let refused = meet(config).await;
        assert!(
            matches!(&refused, Err(ProbeFaultKind::Tls(why)) if why.contains("UnknownIssuer")),
            "{refused:?}"
        );
        let any = configure(|provider| Ok(AnyCertificate(provider))).unwrap();
        assert_eq!(meet(any).await, Ok(()));
    }
}
