-- Keys that open one dashboard: its slug. Empty for all others.
ALTER TABLE `tributary`.`api_keys` ON CLUSTER `main` ADD COLUMN IF NOT EXISTS dashboard String DEFAULT '';

-- down

-- What are left of shared links are rows with a hash that no key has: they open nothing.
ALTER TABLE `tributary`.`api_keys` ON CLUSTER `main` DROP COLUMN IF EXISTS dashboard;
