-- Holds nothing but what analysts may read. The analyst's one grant is SELECT on this
-- database, so tables, tokens and keys stay out of reach of whatever SQL they write.
CREATE DATABASE IF NOT EXISTS `odd \`name' \\_views` ON CLUSTER `c\`l'\\`;

-- down

DROP DATABASE IF EXISTS `odd \`name' \\_views` ON CLUSTER `c\`l'\\` SYNC;
