CREATE TABLE `audits` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`actor` text NOT NULL,
	`action` text NOT NULL,
	`subject_id` text NOT NULL
);

CREATE TABLE `changes` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`tx` integer NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`subject_id` text NOT NULL,
	`kind` text NOT NULL,
	`from_state` text,
	`to_state` text,
	`cause` text NOT NULL,
	`reason` text,
	`actor` text NOT NULL,
	`job_id` text,
	`pool_id` text NOT NULL,
	`session_id` text,
	`owner` text
);

CREATE INDEX `changes_by_pool` ON `changes` (`pool_id`,`seq`);

CREATE INDEX `changes_by_subject` ON `changes` (`subject_id`,`seq`);

CREATE TABLE `cluster_counts` (
	`pool_id` text PRIMARY KEY NOT NULL,
	`creating` integer DEFAULT 0 NOT NULL,
	`available` integer DEFAULT 0 NOT NULL,
	`locked` integer DEFAULT 0 NOT NULL,
	`resetting` integer DEFAULT 0 NOT NULL,
	`error` integer DEFAULT 0 NOT NULL,
	`removing` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE no action
);

CREATE TABLE `clusters` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`namespace` text NOT NULL,
	`pool_id` text NOT NULL,
	`number` integer NOT NULL,
	`status` text NOT NULL,
	`status_message` text,
	`session_id` text,
	`lock_time` integer,
	`last_used_at` integer DEFAULT 0 NOT NULL,
	`last_reset` integer,
	`last_health_check` integer,
	`job_id` text,
	`work` text,
	`wanted_strategy` text,
	`strategy` text,
	`wanted_set` integer,
	`made_from_set` integer,
	`fallback_reason` text,
	`attempts` integer DEFAULT 0 NOT NULL,
	`failures_in_row` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer,
	`fence` integer DEFAULT 1 NOT NULL,
	`created_at` integer NOT NULL,
	`removing_at` integer,
	`removed_at` integer,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE no action
);

CREATE INDEX `clusters_at_work` ON `clusters` (`status`,`pool_id`,`number`) WHERE status IN ('CREATING', 'RESETTING', 'ERROR') AND removed_at IS NULL;

CREATE INDEX `clusters_by_name` ON `clusters` (`pool_id`,`name`) WHERE removed_at IS NULL;

CREATE UNIQUE INDEX `clusters_by_session` ON `clusters` (`session_id`) WHERE session_id IS NOT NULL;

CREATE INDEX `clusters_by_state` ON `clusters` (`pool_id`,`status`,`removing_at`) WHERE removed_at IS NULL;

CREATE UNIQUE INDEX `clusters_name_unique` ON `clusters` (`name`);

CREATE INDEX `clusters_of_job` ON `clusters` (`job_id`) WHERE job_id IS NOT NULL;

CREATE INDEX `clusters_removed` ON `clusters` (`removed_at`) WHERE removed_at IS NOT NULL;

CREATE INDEX `clusters_removing` ON `clusters` (`removing_at`) WHERE removing_at IS NOT NULL AND removed_at IS NULL;

CREATE INDEX `clusters_to_claim` ON `clusters` (`pool_id`,`last_used_at`,`number`) WHERE status = 'AVAILABLE' AND removing_at IS NULL AND job_id IS NULL;

CREATE INDEX `clusters_to_inspect` ON `clusters` (`last_health_check`) WHERE status IN ('AVAILABLE', 'LOCKED') AND removing_at IS NULL AND removed_at IS NULL;

CREATE TABLE `idempotency` (
	`owner` text NOT NULL,
	`mutation` text NOT NULL,
	`key` text NOT NULL,
	`input_hash` text NOT NULL,
	`subject_id` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`owner`, `mutation`, `key`)
);

CREATE INDEX `idempotency_by_time` ON `idempotency` (`created_at`);

CREATE TABLE `image_numbers` (
	`name` text PRIMARY KEY NOT NULL,
	`next_version` integer NOT NULL
);

CREATE TABLE `images` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`image_version` integer NOT NULL,
	`status` text NOT NULL,
	`status_message` text,
	`current` integer DEFAULT false NOT NULL,
	`parent_id` text,
	`arch` text,
	`source` text NOT NULL,
	`reference` text,
	`recipe` text,
	`digest` text,
	`size_bytes` real,
	`compressed_bytes` real,
	`contents` text DEFAULT '[]' NOT NULL,
	`publish_tag` text,
	`published_as` text,
	`published_digest` text,
	`publish_error` text,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer,
	`actor` text NOT NULL,
	`created_at` integer NOT NULL,
	`started_at` integer,
	`ready_at` integer,
	`build_ms` integer,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`parent_id`) REFERENCES `images`(`id`) ON UPDATE no action ON DELETE no action
);

CREATE INDEX `images_by_time` ON `images` (`created_at`,`id`);

CREATE UNIQUE INDEX `images_by_version` ON `images` (`name`,`image_version`);

CREATE UNIQUE INDEX `images_current` ON `images` (`name`) WHERE current = 1;

CREATE INDEX `images_of_parent` ON `images` (`parent_id`) WHERE parent_id IS NOT NULL;

CREATE TABLE `installation` (
	`id` text PRIMARY KEY NOT NULL,
	`epoch` text NOT NULL,
	`created_at` integer NOT NULL,
	`last_tx` integer DEFAULT 0 NOT NULL
);

CREATE TABLE `jobs` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`status` text NOT NULL,
	`status_message` text,
	`pool_id` text NOT NULL,
	`cluster_id` text,
	`session_id` text,
	`base_cluster` integer DEFAULT false NOT NULL,
	`mode` text,
	`progress` real DEFAULT 0 NOT NULL,
	`progress_at` integer,
	`error` text,
	`actor` text NOT NULL,
	`created_at` integer NOT NULL,
	`deadline_at` integer NOT NULL,
	`cancel_requested_at` integer,
	`finished_at` integer,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);

CREATE INDEX `jobs_by_time` ON `jobs` (`created_at`,`id`);

CREATE INDEX `jobs_finished` ON `jobs` (`finished_at`) WHERE finished_at IS NOT NULL;

CREATE INDEX `jobs_unfinished` ON `jobs` (`pool_id`,`kind`) WHERE status IN ('QUEUED', 'RUNNING');

CREATE TABLE `notes` (
	`subject_id` text NOT NULL,
	`key` text NOT NULL,
	`value` text NOT NULL,
	`fence` integer NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`subject_id`, `key`)
);

CREATE TABLE `phases` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`subject_id` text NOT NULL,
	`name` text NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer,
	`error` text
);

CREATE INDEX `phases_by_subject` ON `phases` (`subject_id`,`seq`);

CREATE TABLE `pools` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`provider` text NOT NULL,
	`template_id` text NOT NULL,
	`size` integer NOT NULL,
	`max_clusters` integer NOT NULL,
	`recycle` text NOT NULL,
	`when_empty` text NOT NULL,
	`lazy` integer NOT NULL,
	`awake` integer NOT NULL,
	`identity` text NOT NULL,
	`readiness` text NOT NULL,
	`session_ttl_minutes` integer NOT NULL,
	`max_ttl_minutes` integer NOT NULL,
	`max_wait_seconds` integer NOT NULL,
	`max_sessions_per_owner` integer,
	`snapshot_max_age_seconds` integer NOT NULL,
	`next_number` integer DEFAULT 1 NOT NULL,
	`next_set` integer DEFAULT 1 NOT NULL,
	`template_sets` integer NOT NULL,
	`failures_in_row` integer DEFAULT 0 NOT NULL,
	`replenish_paused` text,
	`created_at` integer NOT NULL,
	`deleted_at` integer,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`template_id`) REFERENCES `templates`(`id`) ON UPDATE no action ON DELETE no action
);

CREATE UNIQUE INDEX `pools_by_name` ON `pools` (`name`) WHERE deleted_at IS NULL;

CREATE TABLE `provisionings` (
	`id` text PRIMARY KEY NOT NULL,
	`pool_id` text NOT NULL,
	`cluster_id` text NOT NULL,
	`session_id` text,
	`served_from` text NOT NULL,
	`started_at` integer NOT NULL,
	`finished_at` integer NOT NULL,
	`duration_ms` integer NOT NULL,
	`succeeded` integer NOT NULL,
	`reason` text
);

CREATE INDEX `provisionings_by_pool` ON `provisionings` (`pool_id`,`started_at`);

CREATE TABLE `secrets` (
	`subject_id` text NOT NULL,
	`name` text NOT NULL,
	`nonce` text NOT NULL,
	`ciphertext` text NOT NULL,
	PRIMARY KEY(`subject_id`, `name`)
);

CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`owner` text NOT NULL,
	`pool_id` text NOT NULL,
	`status` text NOT NULL,
	`status_message` text,
	`cluster_id` text,
	`last_cluster_id` text,
	`cluster_lock_time` integer,
	`served_from` text,
	`strategy` text,
	`fallback_reason` text,
	`ticket` integer,
	`failed_wakes` integer DEFAULT 0 NOT NULL,
	`task` text,
	`wanted_set` integer,
	`ttl_minutes` integer NOT NULL,
	`created_at` integer NOT NULL,
	`running_at` integer,
	`expires_at` integer,
	`ended_at` integer,
	`end_reason` text,
	`access_ready_at` integer,
	`access_next_at` integer,
	`access_attempts` integer DEFAULT 0 NOT NULL,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);

CREATE INDEX `sessions_by_owner` ON `sessions` (`owner`,`created_at`);

CREATE INDEX `sessions_by_time` ON `sessions` (`created_at`,`id`);

CREATE INDEX `sessions_ended` ON `sessions` (`ended_at`) WHERE ended_at IS NOT NULL;

CREATE INDEX `sessions_expiring` ON `sessions` (`expires_at`) WHERE status IN ('PROVISIONING', 'RUNNING');

CREATE INDEX `sessions_live_by_owner` ON `sessions` (`pool_id`,`owner`) WHERE status IN ('PENDING', 'PROVISIONING', 'RUNNING');

CREATE UNIQUE INDEX `sessions_one_live_per_cluster` ON `sessions` (`cluster_id`) WHERE cluster_id IS NOT NULL AND status IN ('PENDING', 'PROVISIONING', 'RUNNING');

CREATE INDEX `sessions_provisioning` ON `sessions` (`pool_id`) WHERE status = 'PROVISIONING';

CREATE INDEX `sessions_queue` ON `sessions` (`pool_id`,`ticket`) WHERE status = 'PENDING';

CREATE INDEX `sessions_without_access` ON `sessions` (`access_next_at`) WHERE status = 'RUNNING' AND access_next_at IS NOT NULL;

CREATE TABLE `snapshots` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`set_number` integer NOT NULL,
	`current` integer NOT NULL,
	`status` text NOT NULL,
	`status_message` text,
	`mode` text NOT NULL,
	`pool_id` text NOT NULL,
	`cluster_id` text,
	`source_session_id` text,
	`source_cluster_id` text,
	`source` text NOT NULL,
	`source_reason` text,
	`image` text,
	`digest` text,
	`outdated` integer DEFAULT false NOT NULL,
	`owner` text,
	`title` text,
	`job_id` text,
	`k8s_version` text,
	`size_bytes` real,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer,
	`created_at` integer NOT NULL,
	`ready_at` integer,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`pool_id`) REFERENCES `pools`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);

CREATE INDEX `snapshots_at_work` ON `snapshots` (`status`) WHERE status IN ('CREATING', 'DELETING');

CREATE UNIQUE INDEX `snapshots_by_set` ON `snapshots` (`pool_id`,`set_number`,`role`);

CREATE INDEX `snapshots_by_time` ON `snapshots` (`created_at`,`id`);

CREATE INDEX `snapshots_of_cluster` ON `snapshots` (`cluster_id`) WHERE cluster_id IS NOT NULL;

CREATE INDEX `snapshots_of_pool` ON `snapshots` (`pool_id`) WHERE cluster_id IS NULL;

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE `templates` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`provider` text NOT NULL,
	`template_version` integer NOT NULL,
	`roles` text NOT NULL,
	`created_at` integer NOT NULL,
	`version` integer DEFAULT 1 NOT NULL
);

CREATE UNIQUE INDEX `templates_by_name` ON `templates` (`name`,`provider`,`template_version`);

CREATE TABLE `vm_handles` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`phase` text NOT NULL,
	`status_message` text,
	`provider` text NOT NULL,
	`pool_id` text NOT NULL,
	`cluster_id` text NOT NULL,
	`session_id` text,
	`snapshot_id` text,
	`origin` text,
	`ip_address` text,
	`has_screen` integer,
	`spawn_duration_ms` integer,
	`created_at` integer NOT NULL,
	`ended_at` integer,
	`version` integer DEFAULT 1 NOT NULL,
	FOREIGN KEY (`cluster_id`) REFERENCES `clusters`(`id`) ON UPDATE no action ON DELETE no action
);

CREATE UNIQUE INDEX `vm_handles_by_cluster` ON `vm_handles` (`cluster_id`,`role`);

CREATE INDEX `vm_handles_by_session` ON `vm_handles` (`session_id`) WHERE session_id IS NOT NULL;

CREATE INDEX `vm_handles_by_time` ON `vm_handles` (`created_at`,`id`);
