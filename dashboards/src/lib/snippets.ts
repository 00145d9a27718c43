/** Ready code for producers, carrying the real address. */

export const languages = ['curl', 'Go', 'Python', 'Node', 'PHP'] as const;
export type Language = (typeof languages)[number];

/** One event as a first request would send it. */
export function exampleEvent(id: string, now: Date): Record<string, unknown> {
  return {
    event_id: id,
    event_timestamp: now.toISOString(),
    event_email: 'ada@example.com',
    event_payload: { revenue: 99.99, currency: 'EUR', product_name: 'Premium Plan' },
  };
}

export function snippet(language: Language, url: string): string {
  switch (language) {
    case 'curl':
      return `curl -X POST '${url}' \\
  -H 'Content-Type: application/json' \\
  -d '[
    {
      "event_id": "order_12345",
      "event_timestamp": "'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'",
      "event_email": "ada@example.com",
      "event_payload": {
        "revenue": 99.99,
        "currency": "EUR",
        "product_name": "Premium Plan"
      }
    }
  ]'`;
    case 'Go':
      return `package main

import (
	"bytes"
	"encoding/json"
	"log"
	"net/http"
	"time"
)

func main() {
	body, err := json.Marshal([]map[string]any{{
		"event_id":        "order_12345",
		"event_timestamp": time.Now().UTC().Format(time.RFC3339Nano),
		"event_email":     "ada@example.com",
		"event_payload": map[string]any{
			"revenue":      99.99,
			"currency":     "EUR",
			"product_name": "Premium Plan",
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	res, err := http.Post("${url}", "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		log.Fatalf("not stored: %s", res.Status)
	}
}`;
    case 'Python':
      return `import json
import urllib.request
from datetime import datetime, timezone

events = [{
    "event_id": "order_12345",
    "event_timestamp": datetime.now(timezone.utc).isoformat(),
    "event_email": "ada@example.com",
    "event_payload": {
        "revenue": 99.99,
        "currency": "EUR",
        "product_name": "Premium Plan",
    },
}]

request = urllib.request.Request(
    "${url}",
    data=json.dumps(events).encode(),
    headers={"Content-Type": "application/json"},
)
with urllib.request.urlopen(request, timeout=10) as response:
    print(response.status, response.read().decode())`;
    case 'Node':
      return `const response = await fetch('${url}', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify([
    {
      event_id: 'order_12345',
      event_timestamp: new Date().toISOString(),
      event_email: 'ada@example.com',
      event_payload: {
        revenue: 99.99,
        currency: 'EUR',
        product_name: 'Premium Plan',
      },
    },
  ]),
});
if (response.status !== 201) {
  throw new Error(await response.text());
}`;
    case 'PHP':
      return `<?php
$events = [[
    'event_id' => 'order_12345',
    'event_timestamp' => gmdate('Y-m-d\\TH:i:s\\Z'),
    'event_email' => 'ada@example.com',
    'event_payload' => [
        'revenue' => 99.99,
        'currency' => 'EUR',
        'product_name' => 'Premium Plan',
    ],
]];

$request = curl_init('${url}');
curl_setopt_array($request, [
    CURLOPT_POST => true,
    CURLOPT_HTTPHEADER => ['Content-Type: application/json'],
    CURLOPT_POSTFIELDS => json_encode($events),
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 10,
]);
$answer = curl_exec($request);
if (curl_getinfo($request, CURLINFO_RESPONSE_CODE) !== 201) {
    throw new RuntimeException("not stored: $answer");
}`;
  }
}
