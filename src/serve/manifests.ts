/** Manifests of images that attempts were armed with, kept at hand: DHCP asks for them and cannot wait for a disk. */
import type { Firmware, Image, Manifest } from "../store/manifest.ts";
import type { Store } from "../store/store.ts";

export type Manifests = {
  /** From memory, else from the store. @throws what the store throws: IMAGE_UNKNOWN, IMAGE_DAMAGED. */
  get(imageId: string): Promise<Image>;
  /** What is in memory. */
  known(imageId: string): Manifest | undefined;
  firmwaresOf(imageId: string): readonly Firmware[];
};

export function keepManifests(store: Pick<Store, "show">): Manifests {
  const images = new Map<string, Image>();
  return {
    get: async (imageId) => {
      const known = images.get(imageId);
      if (known !== undefined) return known;
      const image = await store.show(imageId);
      images.set(imageId, image);
      return image;
    },
    known: (imageId) => images.get(imageId)?.manifest,
    firmwaresOf: (imageId) => images.get(imageId)?.manifest.boot.map((entry) => entry.firmware) ?? [],
  };
}
