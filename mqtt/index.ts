/**
 * mqtt: the one connection to a broker that agent and bookkeeper each keep up. Version fall-back, TLS with the key that is the
 * node's identity, reconnects with jitter; the certificates for all that; and the broker that `bonusnode up` carries inside.
 */
export { type BrokerIdentity, type BrokerSettings, readBrokerLogin } from "./broker-login-linux.ts";
export {
  type CertificateRequest,
  type CertificateSigner,
  issueCertificate,
  privateKeyPem,
} from "./certificate.ts";
export { MqttError, type MqttErrorCode } from "./errors.ts";
export type { IncomingMessage, Link, LinkHandlers, LinkOptions, OutgoingMessage } from "./link.ts";
export { type BrokerUser, type EmbeddedBroker, startEmbeddedBroker } from "./transports/embedded-broker.ts";
export { type LinkNeeds, makeMqttLink, parseBrokerUrl } from "./transports/mqtt-link.ts";
