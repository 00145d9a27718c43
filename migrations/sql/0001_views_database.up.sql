-- Holds nothing but what analysts may read. The analyst's one grant is SELECT on this
-- database, so tables, tokens and keys stay out of reach of whatever SQL they write.
CREATE DATABASE IF NOT EXISTS {{.ViewsDB}}{{.OnCluster}};
