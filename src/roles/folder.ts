/** A role folder as it lies on disk, unjudged. */

export type FolderFile = {
  /** Below the role's folder: `files/etc/hosts.hbs`. */
  readonly path: string;
  readonly kind: "file" | "symlink" | "other";
  /** Undefined for what is not a text in UTF-8. */
  readonly text: string | undefined;
  readonly isExecutable: boolean;
};

export type RoleFolder = {
  readonly name: string;
  /** `templates/roles/accounts`: the beginning of every place in messages. */
  readonly source: string;
  readonly files: readonly FolderFile[];
};
