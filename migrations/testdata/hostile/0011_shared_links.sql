-- Keys that open one dashboard: its slug. Empty for all others.
ALTER TABLE `odd \`name' \\`.`api_keys` ON CLUSTER `c\`l'\\` ADD COLUMN IF NOT EXISTS dashboard String DEFAULT '';

-- down

-- What are left of shared links are rows with a hash that no key has: they open nothing.
ALTER TABLE `odd \`name' \\`.`api_keys` ON CLUSTER `c\`l'\\` DROP COLUMN IF EXISTS dashboard;
