/** Kind `store`: keeps immutable blobs under their hash, gives ranges back, answers challenges. Its twin is bookkeeper/verify/store.ts. */
export { type BlobStore, makeBlobStore } from "./blob-store.ts";
export { forgetBlob, isBlobLost, makeStoreService } from "./store-service.ts";
export { type FetchPolicy, makeFetchBlob } from "./transports/fetch.ts";
