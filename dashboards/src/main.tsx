import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { setNonce } from 'get-nonce';
import '@fontsource-variable/inter/wght.css';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './ui/ui.css';
import { App } from './app/App';
import { readNonce } from './app/nonce';
import { startSession } from './app/session';

// The library that keeps the page from scrolling behind a dialog adds a style
// element of its own.
setNonce(readNonce());
startSession();

const root = document.getElementById('root');
if (root === null) throw new Error('index.html lacks #root');
createRoot(root).render(<StrictMode><App /></StrictMode>);
