//! A server that takes connections and says nothing.

use std::time::Duration;

use ballet_amqp::{Broker, BrokerError, RabbitMq};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::timeout;

use ballet_testkit::wire::clients::SOON;

#[tokio::test]
async fn an_attempt_that_nobody_answers_leaves_no_connection_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    for scheme in ["amqp", "amqps"] {
        let url = format!("{scheme}://orders:secret@{at}/shop");
        let broker = RabbitMq::new(&url).unwrap().patience(Duration::from_secs(2));
        let ended = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            // Until the other side closes it. What was not read may end it with a reset.
            socket.read_to_end(&mut Vec::new()).await.ok();
        };
        let (connected, ended) = tokio::join!(broker.connect("orders"), timeout(SOON, ended));
        assert!(matches!(connected, Err(BrokerError::Unreachable { .. })), "{connected:?}");
        assert_eq!(ended, Ok(()), "{scheme}");
    }
}
